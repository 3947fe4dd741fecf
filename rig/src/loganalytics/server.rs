//! What all connections share, and the frame around each request.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use hyper::Response;
use hyper::body::Incoming;
use tokio::time::Instant;

use super::options::Options;
use super::pace::Pace;
use super::query;
use super::record::Request;
use crate::door::{self, Call};
use crate::fault::Faults;
use crate::identity::Identity;
use crate::kql::Tables;
use crate::loopback::Body;
use crate::record::Record;

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) workspace: String,
    pub(crate) faults: Faults,
    pub(crate) identity: Identity,
    pub(crate) pace: Pace,
    pub(crate) permitted: AtomicBool,
    /// Read while a query runs, written while rows are added.
    pub(crate) tables: RwLock<Tables>,
    record: Mutex<Record<Request>>,
}

impl Shared {
    pub(crate) fn new(options: Options, identity: Identity) -> Self {
        Self {
            workspace: options.workspace.clone().unwrap_or_else(crate::reply::guid),
            faults: Faults::default(),
            identity,
            pace: Pace::new(&options),
            permitted: AtomicBool::new(options.permitted),
            tables: RwLock::default(),
            record: Mutex::default(),
            options,
        }
    }

    pub(crate) fn record(&self) -> MutexGuard<'_, Record<Request>> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_permitted(&self) -> bool {
        self.permitted.load(Ordering::SeqCst)
    }
}

/// Receives one request whole, records it, and answers. An error breaks the connection.
pub(crate) async fn serve(shared: &Arc<Shared>, request: hyper::Request<Incoming>) -> io::Result<Response<Body>> {
    let call = Call::receive(request).await?;
    let url_timespan = call.parameter("timespan").map(str::to_owned);
    let recorded = Request { url_timespan, ..Request::new(&call.path) };
    let number = shared.record().push(recorded, shared.options.records);
    let reply = door::compressed(query::answer(shared, &call, number).await?, &call.headers).await?;
    shared.record().update(number, |request| {
        (request.status, request.ended) = (reply.status, Some(Instant::now()));
    });
    Ok(reply.finish())
}
