//! A reverse proxy between the program and the storage emulator's blob service, with faults. Requests go through byte for byte as they were
//! signed: host, path, query and headers.
//!
//! Only the program under test meets faults; what else comes by (the writer, whose events must name the address that the program knows) is
//! passed on.

mod fault;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderValue, TRANSFER_ENCODING, USER_AGENT};
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;
use url::Url;

use crate::loopback::{self, Body, first_half, reset};
use fault::Plan;

pub use fault::{Fault, Operation};

/// How the program under test begins its `User-Agent`.
const PROGRAM: &str = "sentinel-axiom";
/// How long a client that is to be killed is kept waiting; after that it sees a reset.
const UNTIL_KILLED: Duration = Duration::from_secs(1);

/// A running proxy; it ends when the value is dropped.
pub struct Proxy {
    url: Url,
    shared: Arc<Shared>,
    _task: AbortOnDropHandle<()>,
}

/// A fault that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happened {
    /// What was asked.
    pub operation: Operation,
    /// Of which blob or container: the path without the account.
    pub path: String,
    /// What happened to it.
    pub fault: Fault,
}

struct Shared {
    client: Client<HttpConnector, Body>,
    target: Url,
    plan: Mutex<Plan>,
    happened: Mutex<Vec<Happened>>,
    kill: Notify,
}

impl Proxy {
    /// Starts on a free port, in front of the blob endpoint `target`.
    ///
    /// # Errors
    /// No port can be had.
    pub async fn start(target: &Url) -> anyhow::Result<Self> {
        let listener = loopback::bind().await?;
        let url = Url::parse(&format!("http://{}", listener.local_addr()?)).context("an address of our own")?;
        let client = Client::builder(TokioExecutor::new())
            // The emulator closes idle connections after a few seconds; one that is closed while it is used would be a fault of our own making.
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(1))
            .build(HttpConnector::new());
        let shared = Shared {
            client,
            target: target.clone(),
            plan: Mutex::default(),
            happened: Mutex::default(),
            kill: Notify::new(),
        };
        let shared = Arc::new(shared);
        let serving = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&serving);
                connections
                    .spawn(loopback::connection(stream, true, move |request| serve(Arc::clone(&shared), request)));
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Self { url, shared, _task: AbortOnDropHandle::new(task) })
    }

    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Appends to the script: the next request for this operation meets this fault.
    pub fn script(&self, faults: impl IntoIterator<Item = (Operation, Fault)>) {
        lock(&self.shared.plan).script.extend(faults);
    }

    /// Draws for each request: at most one of the faults, each with its own probability (they sum up to at most 1).
    pub fn random(&self, seed: u64, odds: Vec<(f64, Fault)>) {
        lock(&self.shared.plan).dice = Some((fastrand::Rng::with_seed(seed), odds));
    }

    /// Forgets the plan: from here on, all goes well.
    pub fn clear(&self) {
        *lock(&self.shared.plan) = Plan::default();
    }

    /// Waits until a fault asks for the client to be killed.
    pub async fn kill_wanted(&self) {
        self.shared.kill.notified().await;
    }

    /// The faults that happened, in order.
    #[must_use]
    pub fn happened(&self) -> Vec<Happened> {
        lock(&self.shared.happened).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Serves one request. An error resets the connection.
async fn serve(shared: Arc<Shared>, request: Request<Incoming>) -> io::Result<Response<Body>> {
    let fault = shared.fault_for(&request);
    match &fault {
        Some(Fault::Refuse(status, code)) => return Ok(refusal(*status, code, request.method() == Method::HEAD)),
        Some(Fault::Answer(body)) => return Ok(answer(200, body.clone())),
        Some(Fault::ResetBefore) => return Err(reset()),
        Some(Fault::Delay(wait)) => tokio::time::sleep(*wait).await,
        Some(Fault::KillBefore) => return shared.until_killed().await,
        _ => {}
    }
    let response = shared.forward(request).await?;
    match fault {
        Some(Fault::ResetAfter) => Err(reset()),
        Some(Fault::KillAfter) => shared.until_killed().await,
        Some(Fault::Header(name, value)) => {
            let mut response = response;
            let value = HeaderValue::from_str(&value).expect("the headers of faults are those of HTTP");
            response.headers_mut().insert(name, value);
            Ok(response)
        }
        Some(Fault::BreakBody) => {
            let (parts, body) = response.into_parts();
            let body = body.collect().await?.to_bytes();
            Ok(Response::from_parts(parts, first_half(&body)))
        }
        _ => Ok(response),
    }
}

impl Shared {
    fn fault_for(&self, request: &Request<Incoming>) -> Option<Fault> {
        let agent = request.headers().get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
        if !agent.starts_with(PROGRAM) {
            return None;
        }
        let path = request.uri().path();
        let operation = Operation::of(request.method(), path, request.uri().query().unwrap_or_default());
        let fault = lock(&self.plan).next(operation, request.headers())?;
        let path = path.trim_start_matches('/').split_once('/').map_or("", |(_, rest)| rest).to_owned();
        lock(&self.happened).push(Happened { operation, path, fault: fault.clone() });
        Some(fault)
    }

    async fn forward(&self, request: Request<Incoming>) -> io::Result<Response<Body>> {
        let (mut parts, body) = request.into_parts();
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let authority = self.target.authority();
        parts.uri = format!("http://{authority}{path}").parse::<Uri>().map_err(io::Error::other)?;
        let request = Request::from_parts(parts, body.map_err(io::Error::other).boxed());
        let mut response = self.client.request(request).await.map_err(io::Error::other)?;
        // How the body is framed is between two neighbours.
        response.headers_mut().remove(CONNECTION);
        response.headers_mut().remove(TRANSFER_ENCODING);
        Ok(response.map(|body| body.map_err(io::Error::other).boxed()))
    }

    async fn until_killed(&self) -> io::Result<Response<Body>> {
        self.kill.notify_one();
        tokio::time::sleep(UNTIL_KILLED).await;
        Err(reset())
    }
}

/// An error as the blob service words it. Source: Microsoft, "Status and error codes" of the storage services REST API.
fn refusal(status: u16, code: &'static str, is_head: bool) -> Response<Body> {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{code}</Code><Message>{code}.</Message></Error>"
    );
    let mut response = answer(status, if is_head { String::new() } else { text });
    response.headers_mut().insert("x-ms-error-code", HeaderValue::from_static(code));
    response
}

/// An answer with a body of XML.
fn answer(status: u16, body: String) -> Response<Body> {
    let response = Response::builder()
        .status(StatusCode::from_u16(status).expect("the statuses of faults are those of HTTP"))
        .header(CONTENT_TYPE, "application/xml")
        .header("x-ms-version", "2025-11-05");
    response
        .body(Full::new(Bytes::from(body)).map_err(|never| match never {}).boxed())
        .expect("all names and values are visible ASCII")
}
