//! `run`: the sweep and the visits in one process, without the Functions host and without a queue.

use futures::StreamExt as _;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::azure::StorageError;
use crate::report::{self, End};
use crate::ship::{self, Until};

/// Blobs that one sweep hands to visits at most; the next sweep finds the rest, at once.
const SWEEP_MOST: usize = 10_000;

/// Visits that are told of at a time.
const EVENTS: usize = 200;

/// What a run did.
#[derive(Debug, Default, Clone, Copy)]
pub struct Done {
    /// Visits made.
    pub visits: u64,
    /// Visits that failed; their blobs stay.
    pub failed: u64,
    /// Visits that moved on: something was shipped or deleted.
    pub moved: u64,
    /// Blobs that had work and were left to the next round.
    left: u64,
    /// Rows that Axiom has acknowledged.
    pub rows: u64,
    /// Rows set aside.
    pub set_aside: u64,
}

/// Sweeps and ships until `stop` is cancelled, or `once` all that was there.
///
/// # Errors
/// With `once`, the containers cannot be listed. Without, that is logged and tried again after the pause.
pub async fn run(app: &App, once: bool, stop: &CancellationToken) -> Result<Done, StorageError> {
    let mut total = Done::default();
    loop {
        match round(app, stop).await {
            Ok(done) => {
                total.add(done);
                if done.left > 0 && done.moved > 0 && !stop.is_cancelled() {
                    continue;
                }
            }
            Err(error) if once => return Err(error),
            Err(error) => tracing::error!(error = report::chain(&error), "the sweep failed and is tried again"),
        }
        if once || stop.is_cancelled() {
            return Ok(total);
        }
        let pause = app.flow.axiom.paused().unwrap_or_default().max(app.settings.run_every);
        tokio::select! {
            () = stop.cancelled() => return Ok(total),
            () = tokio::time::sleep(pause) => {}
        }
    }
}

async fn round(app: &App, stop: &CancellationToken) -> Result<Done, StorageError> {
    let until = Until { deadline: Instant::now() + app.settings.visit_deadline, stop: stop.clone() };
    match app.event_hub.replay(&until).await {
        Ok(replayed) if replayed.blobs > 0 => tracing::info!("{replayed}"),
        Ok(_) => {}
        // Messages that wait must keep no blob waiting.
        Err(error) => tracing::error!(error = report::chain(&error), "messages that wait cannot be listed"),
    }
    let found = app.sweep(SWEEP_MOST).await?;
    let (blobs, waiting, bytes) = (found.blobs, found.waiting, found.waiting_bytes);
    let mut done = Done { left: waiting - found.work.len() as u64, ..Done::default() };
    let visits = futures::stream::iter(found.work)
        .take_until(stop.cancelled())
        .map(|work| async move {
            let until = Until { deadline: Instant::now() + app.settings.visit_deadline, stop: stop.clone() };
            let visit = ship::visit(&app.flow, &work.blob, &until).await;
            if let Some(Err(error)) = visit.outcome() {
                app.flow.receipts.failed(work.blob.table(), &report::chain(error)).await;
            }
            visit
        })
        .buffer_unordered(app.settings.visits);
    let mut visits = std::pin::pin!(visits);
    let mut events = Vec::new();
    while let Some(visit) = visits.next().await {
        if visit.is_telling() {
            events.push(visit.event());
        }
        if events.len() >= EVENTS {
            app.telemetry.tell(&app.flow, events.drain(..)).await;
        }
        let failed = matches!(visit.outcome(), Some(Err(_)));
        let moved = matches!(visit.outcome(), Some(Ok(End::Shipped | End::Deleted | End::MoreToDo)));
        let (rows, set_aside) = (visit.rows(), visit.set_aside());
        done.add(Done { visits: 1, failed: failed.into(), moved: moved.into(), rows, set_aside, left: 0 });
    }
    app.telemetry.tell(&app.flow, events).await;
    tracing::info!(
        blobs,
        waiting,
        bytes,
        visits = done.visits,
        failed = done.failed,
        rows = done.rows,
        set_aside = done.set_aside,
        "round"
    );
    Ok(done)
}

impl Done {
    fn add(&mut self, more: Self) {
        self.visits += more.visits;
        self.failed += more.failed;
        self.moved += more.moved;
        self.rows += more.rows;
        self.set_aside += more.set_aside;
    }
}
