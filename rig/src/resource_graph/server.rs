//! What all connections share, and the frame around each request.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockWriteGuard};

use hyper::Response;
use hyper::body::Incoming;
use tokio::time::Instant;

use super::options::Options;
use super::record::Request;
use super::{answer, rows};
use crate::door::{self, Call};
use crate::fault::Faults;
use crate::identity::Identity;
use crate::kql::Tables;
use crate::loopback::Body;
use crate::rate::Rate;
use crate::record::Record;
use crate::reply::Reply;

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) faults: Faults,
    pub(crate) identity: Identity,
    /// The queries of the user.
    pub(crate) rate: Rate,
    pub(crate) permitted: AtomicBool,
    /// Read while a query runs, written while records change.
    pub(crate) tables: RwLock<Tables>,
    record: Mutex<Record<Request>>,
}

impl Shared {
    pub(crate) fn new(options: Options, identity: Identity) -> Self {
        Self {
            faults: Faults::default(),
            identity,
            rate: Rate::new(options.rate, options.rate_window),
            permitted: AtomicBool::new(options.permitted),
            tables: RwLock::new(Tables::from([(rows::TABLE.to_owned(), rows::table())])),
            record: Mutex::default(),
            options,
        }
    }

    pub(crate) fn record(&self) -> MutexGuard<'_, Record<Request>> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn tables(&self) -> RwLockWriteGuard<'_, Tables> {
        self.tables.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_permitted(&self) -> bool {
        self.permitted.load(Ordering::SeqCst)
    }

    /// The two headers that every answer to a query has ("Guidance for throttled requests").
    pub(crate) fn with_quota(&self, mut reply: Reply) -> Reply {
        let (left, resets) = self.rate.left(Instant::now());
        let seconds = crate::rate::seconds(resets);
        let clock = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
        reply.headers.push(("x-ms-user-quota-remaining", left.to_string()));
        reply.headers.push(("x-ms-user-quota-resets-after", clock));
        reply
    }
}

/// Receives one request whole, records it, and answers. An error breaks the connection.
pub(crate) async fn serve(shared: &Arc<Shared>, request: hyper::Request<Incoming>) -> io::Result<Response<Body>> {
    let call = Call::receive(request).await?;
    let recorded = Request { path: call.path.clone(), ..Request::default() };
    let number = shared.record().push(recorded, shared.options.records);
    let reply = door::compressed(answer::answer(shared, &call, number).await?, &call.headers).await?;
    shared.record().update(number, |request| request.status = reply.status);
    Ok(reply.finish())
}
