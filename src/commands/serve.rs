//! `serve`: the custom handler that the Functions host starts and drives over HTTP.
//!
//! The contract (measured on the real host): answer `GET /` at once, always; answer every invocation with a JSON object and its content
//! type (an empty 2xx hangs the host until its timeout kills us); log to stdout; never exit 0; end when the host is gone.

mod event_hub;
mod history;
mod pull;
mod status;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures::StreamExt as _;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::history::{History, HistoryError};
use crate::pulls::{Pulls, PullsError};
use crate::report::{self, Visit};
use crate::settings::Platform;
use crate::ship::{self, Until};
use crate::wake::{Answer, BlobWake, ExportBlob, Ignored, SmallMessage, Wake, WakeError};

/// What can be asked of us.
const ROUTES: &str = "there is only GET / and POST /<function>";

/// Largest invocation, in bytes. A queue message has 64 KiB at most; 64 messages of an Event Hub (`maxEventBatchSize` in host.json) may have 1 MiB each, and are
/// base64.
const BODY: usize = 128 * 1024 * 1024;

/// The host gives a message up after so many deliveries (`maxDequeueCount` in `host.json`). The last one is answered as done: the sweep finds the
/// blob again, and the poison queue is left to messages that make no sense.
const DELIVERIES: u32 = 5;

/// Messages on the queue from which on a sweep adds none.
const QUEUE_LONG: u64 = 64;

/// Messages that one sweep adds at most.
const SWEEP_MOST: usize = 1024;

/// Sends to the queue at the same time.
const SENDS: usize = 16;

/// How long a sweep delivers messages of an Event Hub that wait; the next one goes on.
const REPLAY: Duration = Duration::from_secs(120);

/// How long visits get to finish what is in flight when the process must end.
const LAST_COMMITS: Duration = Duration::from_secs(8);

struct Handler {
    app: App,
    /// None where no workspace is set.
    history: Option<History>,
    /// None where there are none; or why those that there are cannot be run, which must not keep the rest from working.
    pulls: Option<Result<Pulls, String>>,
    visits: Arc<Semaphore>,
    slices: Semaphore,
    stop: CancellationToken,
}

/// What a handler serves.
pub struct Parts {
    /// Exported blobs.
    pub app: App,
    /// Slices of history; none where no workspace is set.
    pub history: Option<History>,
    /// Pulls; none where there are none, or why they cannot be run.
    pub pulls: Option<Result<Pulls, String>>,
}

impl Parts {
    /// Connects the parts from the settings.
    ///
    /// # Errors
    /// Why there can be no history. Pulls that cannot be run keep nothing else from working: their function says why.
    pub fn connect(app: App, platform: &Platform) -> Result<Self, HistoryError> {
        let history = app.settings.log_analytics.as_ref().map(|_| History::connect(&app, platform)).transpose()?;
        let pulls = match Pulls::connect(&app, platform) {
            Err(PullsError::None) => None,
            pulls => Some(pulls.map_err(|error| report::chain(&error))),
        };
        if let Some(Err(error)) = &pulls {
            tracing::error!(error, "no table is pulled");
        }
        Ok(Self { app, history, pulls })
    }
}

/// Binds the handler's address. Comes before everything that may take time: the host asks every 25 ms whether we are there.
///
/// # Errors
/// The port is taken.
pub async fn bind(port: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await
}

/// Serves until `stop` is cancelled, then lets visits commit what is in flight.
///
/// # Errors
/// The listener fails.
pub async fn serve(
    Parts { app, history, pulls }: Parts,
    listener: TcpListener,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let permits = app.settings.visits;
    let (visits, slices) = (Arc::new(Semaphore::new(permits)), Semaphore::new(history::SLICES));
    let handler = Arc::new(Handler { app, history, pulls, visits, slices, stop: stop.clone() });
    let router = Router::new()
        .route(
            "/",
            get(|| async {
                json(StatusCode::OK, format!("{{\"status\":\"ok\",\"version\":\"{}\"}}", env!("CARGO_PKG_VERSION")))
            }),
        )
        .route("/{function}", post(invoke))
        .fallback(|| async { fail(StatusCode::NOT_FOUND, ROUTES) })
        .method_not_allowed_fallback(|| async { fail(StatusCode::METHOD_NOT_ALLOWED, ROUTES) })
        .layer(DefaultBodyLimit::max(BODY))
        .with_state(handler.clone());
    tracing::info!(version = env!("CARGO_PKG_VERSION"), address = %listener.local_addr()?, "serving");
    tokio::select! {
        served = axum::serve(listener, router).into_future() => served?,
        () = stop.cancelled() => {}
    }
    // The host waits for nobody: what is acknowledged by now is committed, the rest comes again.
    let all = u32::try_from(permits).unwrap_or(u32::MAX);
    tokio::time::timeout(LAST_COMMITS, handler.visits.acquire_many(all)).await.ok();
    Ok(())
}

async fn invoke(
    State(handler): State<Arc<Handler>>,
    function: Result<Path<String>, PathRejection>,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    // Left to the framework, these would be answered in plain text.
    let (Path(function), body) = match (function, body) {
        (Ok(function), Ok(body)) => (function, body),
        (Err(error), _) => return fail(error.status(), &error.body_text()),
        (_, Err(error)) => return fail(error.status(), &error.body_text()),
    };
    match Wake::parse(&function, &body, &handler.app.flow.export.endpoint()) {
        Ok(Wake::Blobs(wake)) => blobs(&handler, wake).await,
        Ok(Wake::Sweep) => sweep(&handler).await,
        Ok(Wake::History(wake)) => history::slices(&handler, wake).await,
        Ok(Wake::Pull) => pull::due(&handler).await,
        Ok(Wake::Status) => status::show(&handler).await,
        Ok(Wake::EventHub(wake)) => event_hub::messages(&handler, wake).await,
        Err(error) => {
            tracing::error!(error = report::chain(&error), "an invocation makes no sense");
            let status = if matches!(error, WakeError::UnknownFunction(_)) {
                StatusCode::NOT_FOUND
            } else {
                StatusCode::BAD_REQUEST
            };
            fail(status, &report::chain(&error))
        }
    }
}

/// What is not followed, told in the log and in the answer.
fn not_followed(ignored: &[Ignored]) -> Vec<String> {
    let tell = |ignored: &Ignored| {
        tracing::warn!(what = ignored.what, why = %ignored.why, "a part of a message is not followed");
        format!("not followed: {} ({})", ignored.what, ignored.why)
    };
    ignored.iter().map(tell).collect()
}

async fn blobs(handler: &Arc<Handler>, wake: BlobWake) -> Response {
    let mut logs = not_followed(&wake.ignored);
    // Dropped with the request: when the host closes the connection, nobody waits any more, and the visits end at their next commit.
    let stop = handler.stop.child_token();
    let _guard = stop.clone().drop_guard();
    let until = Until { deadline: Instant::now() + handler.app.settings.visit_deadline, stop };
    let mut visits = Vec::new();
    for hint in wake.hints {
        if handler.app.settings.tables.wants(hint.blob.table()) {
            visits.push(visit(handler.clone(), hint.blob, until.clone()));
        } else {
            logs.push(format!("{}: this table is not wanted (TABLES, TABLES_EXCEPT)", hint.blob));
        }
    }
    let mut failed = false;
    for outcome in futures::future::join_all(visits).await {
        failed |= outcome.is_err();
        logs.push(outcome.unwrap_or_else(|text| text));
    }
    if failed && wake.dequeue_count.unwrap_or(1) < DELIVERIES {
        return fail(StatusCode::SERVICE_UNAVAILABLE, &logs.join("; "));
    }
    json(StatusCode::OK, Answer::new(logs).to_json())
}

async fn visit(handler: Arc<Handler>, blob: ExportBlob, until: Until) -> Result<String, String> {
    let Ok(Ok(permit)) = tokio::time::timeout_at(until.deadline, handler.visits.clone().acquire_owned()).await else {
        return Err(format!("{blob}: no visit came free before the deadline"));
    };
    let (name, table) = (blob.to_string(), blob.table().to_owned());
    let receipts = handler.app.flow.receipts.clone();
    let work = async move {
        let _permit = permit;
        let visit = ship::visit(&handler.app.flow, &blob, &until).await;
        if visit.is_telling() {
            handler.app.telemetry.tell(&handler.app.flow, [visit.event()]).await;
        }
        visit
    };
    let visit: Visit = alone(&name, work).await?;
    match visit.outcome() {
        Some(Err(error)) => {
            receipts.failed(&table, &report::chain(error)).await;
            Err(visit.summary())
        }
        _ => Ok(visit.summary()),
    }
}

/// A visit in a task of its own: a panic ends it alone, and is a failure like any other.
async fn alone<T: Send + 'static>(blob: &str, work: impl Future<Output = T> + Send + 'static) -> Result<T, String> {
    tokio::spawn(work).await.map_err(|error| {
        tracing::error!(blob, error = %error, "a visit broke down");
        format!("{blob}: the visit broke down")
    })
}

async fn sweep(handler: &Handler) -> Response {
    let stop = handler.stop.child_token();
    let _guard = stop.clone().drop_guard();
    let until = Until { deadline: Instant::now() + REPLAY, stop };
    match sweep_all(&handler.app, &until).await {
        Ok(said) => {
            tracing::info!("sweep: {}", said.join("; "));
            json(StatusCode::OK, Answer::new(said).to_json())
        }
        Err(error) => {
            let said = report::chain(&*error);
            tracing::error!(error = said, "the sweep failed");
            fail(StatusCode::SERVICE_UNAVAILABLE, &said)
        }
    }
}

/// Blobs first: their visits go on while rows that wait are delivered here.
async fn sweep_all(app: &App, until: &Until) -> Result<Vec<String>, Box<dyn std::error::Error + Send + Sync>> {
    let mut said = vec![sweep_to_queue(app).await?];
    let replayed = app.event_hub.replay(until).await?;
    if replayed.blobs > 0 {
        said.push(replayed.to_string());
    }
    Ok(said)
}

async fn sweep_to_queue(app: &App) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    if let Some(wait) = app.flow.axiom.paused() {
        return Ok(format!("Axiom asked for a pause of {} s: nothing added", wait.as_secs()));
    }
    let length = app.queue.length().await?;
    if length >= QUEUE_LONG {
        return Ok(format!("{length} messages still wait: nothing added"));
    }
    let found = app.sweep(SWEEP_MOST).await?;
    let added = found.work.len();
    let mut sends = futures::stream::iter(found.work)
        .map(|work| async move { app.queue.send(&SmallMessage::new(&work.blob, work.offset).to_json()).await })
        .buffered(SENDS);
    while let Some(sent) = sends.next().await {
        sent?;
    }
    Ok(format!(
        "{} blobs, {} with work ({} bytes), {added} messages added",
        found.blobs, found.waiting, found.waiting_bytes
    ))
}

fn json(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

fn fail(status: StatusCode, why: &str) -> Response {
    json(status, serde_json::json!({ "error": why }).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_ends_one_visit_alone_and_frees_its_place() {
        let visits = Arc::new(Semaphore::new(1));
        for _ in 0..3 {
            let permit = visits.clone().acquire_owned().await.unwrap();
            let broken = async move {
                let _permit = permit;
                panic!("as a bug would");
            };
            assert_eq!(alone::<()>("am-x/y", broken).await, Err("am-x/y: the visit broke down".to_owned()));
        }
        assert_eq!(alone("am-x/y", async { 7 }).await, Ok(7));
    }
}
