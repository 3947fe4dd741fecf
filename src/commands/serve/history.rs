//! `function-history`: slices from the queue, on as many instances as Functions gives. The same work as that of `history run`.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;
use tokio_util::sync::CancellationToken;

use super::{Handler, fail, json, not_followed};
use crate::history::History;
use crate::history::work::{Worked, work};
use crate::report::chain;
use crate::wake::{Answer, HistoryWake, SliceMessage};

/// Slices at work in one process: memory is bounded by them, and all instances together have five queries at a time.
pub(super) const SLICES: usize = 4;

/// Works off what a message asks for. Whatever was not done is answered as failed: the message comes again.
pub(super) async fn slices(handler: &Arc<Handler>, wake: HistoryWake) -> Response {
    let mut logs = not_followed(&wake.ignored);
    // Dropped with the request: when the host closes the connection, what was not sent yet is given back.
    let stop = handler.stop.child_token();
    let _guard = stop.clone().drop_guard();
    let mut failed = false;
    for message in wake.slices {
        let name = format!("{} {}", message.job, message.slice.window);
        match one(handler, &message, &stop).await {
            Ok(said) => logs.push(format!("{name}: {said}")),
            Err(said) => {
                tracing::error!(job = message.job, slice = %message.slice.window, error = said, "a slice failed");
                failed = true;
                logs.push(format!("{name}: {said}"));
            }
        }
    }
    if failed {
        return fail(StatusCode::SERVICE_UNAVAILABLE, &logs.join("; "));
    }
    json(StatusCode::OK, Answer::new(logs).to_json())
}

async fn one(handler: &Arc<Handler>, message: &SliceMessage, stop: &CancellationToken) -> Result<String, String> {
    let Some(history) = &handler.history else {
        return Err("no workspace to ask: set LOG_ANALYTICS_WORKSPACE to its id".to_owned());
    };
    let work = async {
        let _place = handler.slices.acquire().await.expect("the semaphore is never closed");
        move_slice(history, message, stop).await
    };
    tokio::time::timeout(handler.app.settings.visit_deadline, work)
        .await
        .unwrap_or_else(|_| Err("not done before the deadline".to_owned()))
}

async fn move_slice(history: &History, message: &SliceMessage, stop: &CancellationToken) -> Result<String, String> {
    let job = history.ledger.job(&message.job).await.map_err(|error| chain(&error))?;
    let Some(job) = job.filter(|job| job.key() == message.job) else {
        return Err("nobody began this job with `history run`".to_owned());
    };
    match work(history, &job, message.slice, stop).await {
        Ok(Worked::Done(record)) => {
            tracing::info!(
                job = message.job,
                slice = %message.slice.window,
                rows = record.rows,
                set_aside = record.set_aside,
                bytes = record.bytes,
                "a slice is done"
            );
            Ok(format!("{} rows moved, {} set aside", record.rows, record.set_aside))
        }
        Ok(Worked::Before) => Ok("done before".to_owned()),
        Ok(Worked::Taken) => Err("another instance is at it, or ended without a word".to_owned()),
        Ok(Worked::Stopped) => Err("stopped before anything was sent".to_owned()),
        Err(error) => Err(chain(&error)),
    }
}
