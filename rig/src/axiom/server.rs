//! The two listeners, central and edge: connections, outages, and the frame around each request.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::{HeaderMap, Method, Response};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

use super::fault::{Faults, Refusal};
use super::options::Options;
use super::reply::Reply;
use super::store::{Outcome, Request, Store};
use super::{route, timestamp};
use crate::loopback;

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) faults: Faults,
    /// Base URL of the edge, which datasets name.
    pub(crate) edge_url: String,
    store: Mutex<Store>,
}

impl Shared {
    pub(crate) fn new(options: Options, edge_url: String) -> Self {
        Self { options, faults: Faults::default(), edge_url, store: Mutex::default() }
    }

    /// The store; never held across an await.
    pub(crate) fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One request with its whole body.
pub(crate) struct Call {
    pub(crate) edge: bool,
    /// Its number in the record.
    pub(crate) number: u64,
    pub(crate) method: Method,
    pub(crate) path: String,
    query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Bytes of the body that arrived, even where `body` holds fewer because they are too many.
    pub(crate) wire_bytes: u64,
}

impl Call {
    /// A query parameter.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// A listener that can be closed for a while and opened again at the same address.
pub(crate) struct Door {
    pub(crate) address: SocketAddr,
    wanted: watch::Sender<bool>,
    down: watch::Receiver<bool>,
    _task: AbortOnDropHandle<()>,
}

impl Door {
    /// Serves connections until the value is dropped.
    pub(crate) fn open(listener: TcpListener, shared: Arc<Shared>, edge: bool) -> anyhow::Result<Self> {
        let address = listener.local_addr().context("read the bound address")?;
        let (wanted, wanted_down) = watch::channel(false);
        let (now_down, down) = watch::channel(false);
        let task = tokio::spawn(async move {
            // The loop ends when the door is dropped, or when the port cannot be had again: `outage` then reports it.
            drop(listen(listener, address, &shared, edge, wanted_down, now_down).await);
        });
        Ok(Self { address, wanted, down, _task: AbortOnDropHandle::new(task) })
    }

    /// Base URL.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Closes the listener and breaks all connections, or opens it again; returns when that is done.
    pub(crate) async fn outage(&self, down: bool) -> anyhow::Result<()> {
        self.wanted.send(down).context("listener has ended")?;
        let mut state = self.down.clone();
        state.wait_for(|now| *now == down).await.context("listener cannot have its port again")?;
        Ok(())
    }
}

async fn listen(
    mut listener: TcpListener,
    address: SocketAddr,
    shared: &Arc<Shared>,
    edge: bool,
    mut wanted: watch::Receiver<bool>,
    now_down: watch::Sender<bool>,
) -> anyhow::Result<Infallible> {
    loop {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                    let shared = Arc::clone(shared);
                    connections.spawn(async move {
                        let serve = |request| serve(&shared, edge, request);
                        loopback::connection(stream, shared.options.rules.keep_alive, serve).await;
                    });
                },
                Some(_) = connections.join_next() => {}
                down = wanted.wait_for(|down| *down) => { down?; break }
            }
        }
        drop(listener);
        connections.shutdown().await;
        // A socket that is bound and does not listen keeps the port from others, and connections to it are refused.
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        now_down.send(true)?;
        wanted.wait_for(|down| !*down).await?;
        listener = socket.listen(1024)?;
        now_down.send(false)?;
    }
}

/// Receives one request whole, records it, and answers. An error breaks the connection.
async fn serve(
    shared: &Arc<Shared>,
    edge: bool,
    request: hyper::Request<Incoming>,
) -> io::Result<Response<loopback::Body>> {
    let (parts, body) = request.into_parts();
    let (body, wire_bytes) = collect(body, shared.options.rules.wire_max).await?;
    let query = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let mut call = Call {
        edge,
        number: 0,
        method: parts.method,
        path: parts.uri.path().to_owned(),
        query,
        headers: parts.headers,
        body,
        wire_bytes,
    };
    call.number = shared.store().requests.push(record(&call), shared.options.records);
    let number = call.number;
    let limit = shared.options.rules.requests_per_minute;
    let remaining = take_from_minute(shared);
    let reply = match remaining {
        Some(_) => route::route(shared, call).await?,
        None => Reply::from(Refusal::new(429, "rate limit exceeded")),
    };
    shared.store().requests.update(number, |request| {
        request.status = reply.status;
        if !route::is_ingest(&request.path) && reply.status < 400 {
            request.outcome = Outcome::Committed;
        }
    });
    Ok(reply.finish(limit, remaining.unwrap_or(0)))
}

/// Reads a body to its end, so that the answer always finds a client that listens; keeps at most `keep` bytes.
async fn collect(mut body: Incoming, keep: usize) -> io::Result<(Bytes, u64)> {
    let (mut kept, mut seen) = (Vec::new(), 0_u64);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(io::Error::other)?;
        if let Some(data) = frame.data_ref() {
            seen += data.len() as u64;
            if kept.len() + data.len() <= keep {
                kept.extend_from_slice(data);
            }
        }
    }
    Ok((kept.into(), seen))
}

/// Counts this request; `None` if the minute's limit is reached.
fn take_from_minute(shared: &Shared) -> Option<u64> {
    let minute = timestamp::now() / 60_000_000_000;
    let mut store = shared.store();
    if store.minute.0 != minute {
        store.minute = (minute, 0);
    }
    store.minute.1 += 1;
    shared.options.rules.requests_per_minute.checked_sub(store.minute.1)
}

fn record(call: &Call) -> Request {
    let text = |value: &hyper::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let shown = call.headers.iter().filter(|(name, _)| *name != hyper::header::AUTHORIZATION);
    Request {
        edge: call.edge,
        method: call.method.to_string(),
        path: call.path.clone(),
        query: call.query.clone(),
        headers: shown.map(|(name, value)| (name.to_string(), text(value))).collect(),
        encoding: super::body::header(&call.headers, "content-encoding").to_owned(),
        wire_bytes: call.wire_bytes,
        bytes: 0,
        rows: 0,
        committed: 0,
        times: None,
        ids: Vec::new(),
        status: 0,
        outcome: Outcome::Refused,
    }
}
