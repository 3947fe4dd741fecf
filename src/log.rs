//! Logs: one line for each record, on stdout, since the Functions host counts every line on stderr as an error.

use std::io::{IsTerminal as _, Write as _};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

/// Starts logging: JSON lines, or text for people on a terminal. To stderr where stdout is taken for something else, which is never so under the host.
pub fn start(level: tracing::Level, stdout_is_taken: bool) {
    // Other libraries tell of every request at debug; theirs are wanted only with `trace`.
    let filter =
        if level == tracing::Level::TRACE { "trace".to_owned() } else { format!("warn,sentinel_axiom={level}") };
    let (writer, is_terminal) = match stdout_is_taken {
        true => (BoxMakeWriter::new(std::io::stderr), std::io::stderr().is_terminal()),
        false => (BoxMakeWriter::new(std::io::stdout), std::io::stdout().is_terminal()),
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(writer)
        // It would tell of a broken stdout on stderr, and panic when that is broken too: both are when the host is gone.
        .log_internal_errors(false)
        .with_target(false);
    if is_terminal {
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
