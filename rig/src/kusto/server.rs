//! From a request to its answer.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use hyper::Response;
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::record::Request;
use super::refusal::Refusal;
use super::shared::Shared;
use super::{command, frame, manage, stream};
use crate::door::{self, Call};
use crate::fault::Fault;
use crate::kql::timespan::Range;
use crate::kql::{self, Plan, ticks};
use crate::loopback::{self, Body};
use crate::reply::{Reply, guid};

/// The body of a command or a query.
#[derive(Debug, Deserialize)]
struct Asked {
    csl: String,
    db: Option<String>,
}

/// What a request is for.
enum Wanted {
    Manage(Asked),
    QueryFirst(Asked),
    QuerySecond(Asked),
    Ingest { database: String, table: String },
}

impl Wanted {
    /// What faults go by.
    fn text(&self) -> String {
        match self {
            Self::Manage(asked) | Self::QueryFirst(asked) | Self::QuerySecond(asked) => asked.csl.clone(),
            Self::Ingest { database, table } => format!("ingest {database}.{table}"),
        }
    }
}

/// Receives one request whole, records it, and answers. An error breaks the connection.
pub(crate) async fn serve(
    shared: &Arc<Shared>,
    request: hyper::Request<Incoming>,
    is_ingest: bool,
) -> io::Result<Response<Body>> {
    let call = Call::receive(request).await?;
    let recorded = Request {
        method: call.method.to_string(),
        path: call.path.clone(),
        parameters: call.parameters.clone(),
        text: String::new(),
        bytes: call.body.len(),
        status: 0,
        began: Instant::now(),
        ended: None,
    };
    let number = shared.record().push(recorded, shared.options.records);
    let reply = door::compressed(answer(shared, &call, number, is_ingest).await?, &call.headers).await?;
    shared.record().update(number, |request| {
        (request.status, request.ended) = (reply.status, Some(Instant::now()));
    });
    Ok(reply.finish())
}

async fn answer(shared: &Arc<Shared>, call: &Call, number: u64, is_ingest: bool) -> io::Result<Reply> {
    if call.method == "GET" && call.path == "/v1/rest/auth/metadata" {
        return Ok(metadata(shared));
    }
    let wanted = match admit(shared, call) {
        Ok(wanted) => wanted,
        Err(reply) => return Ok(reply),
    };
    let text = wanted.text();
    shared.record().update(number, |request| request.text.clone_from(&text));
    let fault = shared.faults.next(&text);
    match &fault {
        Fault::Reset => return Err(loopback::reset()),
        Fault::Refuse { status, code, message, retry_after } => {
            let reply = Reply::from(Refusal::new(*status, code, message));
            return Ok(Reply { retry_after: *retry_after, ..reply });
        }
        Fault::GatewayTimeout => {
            return Ok(Refusal::new(504, "GatewayTimeout", "The request did not end in time.").into());
        }
        _ => {}
    }
    if !shared.options.latency.is_zero() {
        sleep(shared.options.latency).await;
    }
    let reply = run(shared, call, wanted, is_ingest).await.unwrap_or_else(Reply::from);
    match &fault {
        Fault::Slow(delay) => sleep(*delay).await,
        Fault::Hold(gate) => gate.pass().await,
        _ => {}
    }
    Ok(Reply { truncated: fault == Fault::Truncate, ..reply })
}

/// Who asks, and for what.
fn admit(shared: &Shared, call: &Call) -> Result<Wanted, Reply> {
    let segments: Vec<_> = call.path.trim_matches('/').split('/').map(decoded).collect();
    let segments: Vec<_> = segments.iter().map(String::as_str).collect();
    let asked = || serde_json::from_slice::<Asked>(&call.body).map_err(|error| Refusal::bad(&error.to_string()).into());
    let not_found =
        || Reply::json(404, &json!({"error": {"code": "NotFound", "message": "there is no such resource"}}));
    let is_known = shared.identity.is_known(&call.headers, std::slice::from_ref(&shared.options.audience));
    if call.method != "POST" || segments.get(1) != Some(&"rest") {
        return Err(not_found());
    }
    if !is_known {
        return Err(Refusal::unauthorized());
    }
    if !shared.permitted.load(Ordering::SeqCst) {
        return Err(Refusal::forbidden().into());
    }
    match &segments[..] {
        ["v1", _, "mgmt"] => asked().map(Wanted::Manage),
        ["v1", _, "query"] => asked().map(Wanted::QueryFirst),
        ["v2", _, "query"] => asked().map(Wanted::QuerySecond),
        ["v1", _, "ingest", database, table] => {
            Ok(Wanted::Ingest { database: (*database).to_owned(), table: (*table).to_owned() })
        }
        _ => Err(not_found()),
    }
}

async fn run(shared: &Arc<Shared>, call: &Call, wanted: Wanted, is_ingest: bool) -> Result<Reply, Refusal> {
    match wanted {
        Wanted::Manage(asked) => {
            let database = asked.db.as_deref().unwrap_or("NetDefaultDB");
            let command = command::parse(&asked.csl)?;
            Ok(Reply::json(200, &manage::run(shared, database, command, is_ingest)?.reply()))
        }
        Wanted::QueryFirst(asked) => query(shared, &asked, frame::query_first),
        Wanted::QuerySecond(asked) => {
            let request = call.header("x-ms-client-request-id").map_or_else(guid, str::to_owned);
            query(shared, &asked, |relation| frame::query_second(relation, &request))
        }
        Wanted::Ingest { database, table } => stream::ingest(shared, call, &database, &table).await,
    }
}

fn query(shared: &Shared, asked: &Asked, reply: impl Fn(&kql::Relation) -> Reply) -> Result<Reply, Refusal> {
    let store = shared.store();
    let database = store.database(asked.db.as_deref().unwrap_or("NetDefaultDB"))?;
    let query = kql::parse(&asked.csl, ticks::now()).map_err(|error| Refusal::query(&error))?;
    let relation = kql::run(&database.tables, &query, Range::ALL, Plan::Analytics);
    Ok(reply(&relation.map_err(|error| Refusal::query(&error))?))
}

/// What clients must know before they can come in.
fn metadata(shared: &Shared) -> Reply {
    let login = "https://login.microsoftonline.com";
    Reply::json(
        200,
        &json!({"AzureAD": {
            "LoginEndpoint": login, "LoginMfaRequired": false, "KustoClientAppId": "db662dc1-0cfe-4e1c-a843-19a68e65be58",
            "KustoClientRedirectUri": "https://microsoft/kustoclient", "KustoServiceResourceId": shared.options.audience,
            "FirstPartyAuthorityUrl": format!("{login}/f8cdef31-a31e-4b4a-93e4-5f571e91255a"),
        }}),
    )
}

/// A segment of a path.
fn decoded(segment: &str) -> String {
    let query = format!("x={}", segment.replace('+', "%2B"));
    url::form_urlencoded::parse(query.as_bytes()).next().map_or_else(String::new, |(_, value)| value.into_owned())
}
