//! What all connections share, and the frame around each request.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use hyper::Response;
use hyper::body::Incoming;
use tokio::time::Instant;

use super::answer;
use super::options::Options;
use super::quota::Cpu;
use super::record::Request;
use crate::door::{self, Call};
use crate::fault::Faults;
use crate::identity::Identity;
use crate::kql::{Tables, ticks};
use crate::loopback::Body;
use crate::rate::Rate;
use crate::record::Record;

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) faults: Faults,
    pub(crate) identity: Identity,
    /// The calls of the tenant.
    pub(crate) rate: Rate,
    pub(crate) cpu: Cpu,
    pub(crate) permitted: AtomicBool,
    /// The time to go by, where it is not the clock's.
    pub(crate) now: Mutex<Option<i64>>,
    /// Read while a query runs, written while rows are added.
    pub(crate) tables: RwLock<Tables>,
    record: Mutex<Record<Request>>,
}

impl Shared {
    pub(crate) fn new(options: Options, identity: Identity) -> Self {
        Self {
            faults: Faults::default(),
            identity,
            rate: Rate::new(options.rate, options.rate_window),
            cpu: Cpu::new(options.cpu_quota, options.cpu_cycle, Instant::now()),
            permitted: AtomicBool::new(options.permitted),
            now: Mutex::new(options.now.as_deref().and_then(ticks::parse)),
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

    pub(crate) fn now(&self) -> i64 {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).unwrap_or_else(ticks::now)
    }
}

/// Receives one request whole, records it, and answers. An error breaks the connection.
pub(crate) async fn serve(shared: &Arc<Shared>, request: hyper::Request<Incoming>) -> io::Result<Response<Body>> {
    let call = Call::receive(request).await?;
    let number = shared.record().push(Request::new(&call.path), shared.options.records);
    let reply = door::compressed(answer::answer(shared, &call, number).await?, &call.headers).await?;
    shared.record().update(number, |request| {
        (request.status, request.ended) = (reply.status, Some(Instant::now()));
    });
    Ok(reply.finish())
}
