//! When to end.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The exit code of those who were asked twice, as a shell gives for SIGINT.
const AGAIN: i32 = 130;

/// Cancelled by SIGTERM or SIGINT. Whoever asks once more does not want to wait: the program ends at once, as by a kill.
#[must_use]
pub fn when_asked() -> CancellationToken {
    let stop = CancellationToken::new();
    let asked = stop.clone();
    // From here on, and not only when the task comes to run: a signal in between would end the program at once.
    let (terminate, interrupt) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    tokio::spawn(async move {
        if let (Ok(mut terminate), Ok(mut interrupt)) = (terminate, interrupt) {
            for _ in 0..2 {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                if asked.is_cancelled() {
                    std::process::exit(AGAIN);
                }
                tracing::info!("asked to end: what is in flight is finished or released");
                asked.cancel();
            }
        }
    });
    stop
}

/// Cancelled also when the parent process is gone: a Functions host that is stopped in the middle of a call neither kills nor signals its
/// handler, and an orphan would hold the port.
#[must_use]
pub fn when_asked_or_orphaned() -> CancellationToken {
    let stop = when_asked();
    let parent = std::os::unix::process::parent_id();
    let orphaned = stop.clone();
    tokio::spawn(async move {
        while !orphaned.is_cancelled() {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if std::os::unix::process::parent_id() != parent {
                orphaned.cancel();
                tracing::warn!("the host is gone: ending");
            }
        }
    });
    stop
}
