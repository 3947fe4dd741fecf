//! Logs: one line for each record, on stdout, since the Functions host counts every line on stderr as an error.

use std::io::{IsTerminal as _, Write as _};

use tracing_subscriber::EnvFilter;

/// Starts logging: JSON lines, or text for people on a terminal.
pub fn start(level: tracing::Level) {
    // Other libraries tell of every request at debug; theirs are wanted only with `trace`.
    let filter =
        if level == tracing::Level::TRACE { "trace".to_owned() } else { format!("warn,sentinel_axiom={level}") };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(std::io::stdout)
        // It would tell of a broken stdout on stderr, and panic when that is broken too: both are when the host is gone.
        .log_internal_errors(false)
        .with_target(false);
    if std::io::stdout().is_terminal() {
        builder.init();
    } else {
        builder.json().flatten_event(true).with_current_span(false).with_span_list(false).init();
    }
}

/// Says something before logging has started, or as a command's answer.
pub fn say(text: &str) {
    // Nobody can be told that stdout is closed.
    writeln!(std::io::stdout(), "{text}").ok();
}
