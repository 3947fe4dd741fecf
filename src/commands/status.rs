//! `status`: how it goes, once or again and again.

use std::io::{IsTerminal as _, Write};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::status::{Status, text};

/// Pause between two looks of `--watch`.
const EVERY: Duration = Duration::from_secs(5);

/// What is wanted.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// Days whose rows are counted.
    pub days: u32,
    /// Read the rows that wait, and count them.
    pub count: bool,
    /// As JSON.
    pub json: bool,
    /// Again and again.
    pub watch: bool,
}

/// Writes it.
///
/// # Errors
/// Storage cannot be read, or `out` cannot be written.
pub async fn status(
    app: &App,
    wanted: Wanted,
    stop: &CancellationToken,
    out: &mut (dyn Write + Send),
) -> anyhow::Result<()> {
    let clear = wanted.watch && !wanted.json && std::io::stdout().is_terminal();
    let mut before: Option<Status> = None;
    loop {
        let status = Status::gather(app, wanted.days, wanted.count).await?;
        if wanted.json {
            writeln!(out, "{}", serde_json::to_string(&status)?)?;
        } else {
            // Home, and clear to the end of the screen.
            write!(out, "{}{}", if clear { "\x1b[H\x1b[J" } else { "" }, text(&status, before.as_ref()))?;
        }
        out.flush()?;
        if !wanted.watch {
            return Ok(());
        }
        before = Some(status);
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}
