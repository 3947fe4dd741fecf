//! From a request to its answer.

use std::io;
use std::sync::{Arc, PoisonError};

use serde::Deserialize;
use tokio::time::{Instant, sleep};

use super::refusal::Api;
use super::result::{Answer, TooLarge};
use super::server::Shared;
use crate::door::Call;
use crate::fault::Fault;
use crate::kql::timespan::{self, Range};
use crate::kql::{self, Plan, Query, QueryError};
use crate::loopback;
use crate::reply::{Reply, guid};

/// The body of a request.
#[derive(Debug, Deserialize)]
struct Asked {
    #[serde(rename = "Query", alias = "query")]
    query: String,
    #[serde(rename = "Timespan", alias = "timespan")]
    timespan: Option<String>,
}

/// Answers a request. An error breaks the connection.
pub(crate) async fn answer(shared: &Arc<Shared>, call: &Call, number: u64) -> io::Result<Reply> {
    let (api, asked) = match admit(shared, call, number) {
        Ok(admitted) => admitted,
        Err(reply) => return Ok(reply),
    };
    let fault = shared.faults.next(&asked.query);
    match &fault {
        Fault::Reset => return Err(loopback::reset()),
        Fault::Refuse { status, code, message, retry_after } => {
            return Ok(Reply { retry_after: *retry_after, ..api.error(*status, code, message) });
        }
        Fault::GatewayTimeout => return Ok(api.gateway_timeout()),
        _ => {}
    }
    if let Err(reply) = count(shared, api) {
        return Ok(reply);
    }
    let (query, range) = match understand(shared, api, &asked) {
        Ok(understood) => understood,
        Err(reply) => return Ok(reply),
    };
    let answer = match evaluate(shared, query, range).await? {
        Ok(Ok(answer)) => answer,
        Ok(Err(TooLarge)) => return Ok(api.too_large()),
        Err(error) => return Ok(api.refused(&error)),
    };
    shared.cpu.spend(shared.options.cpu(answer.scanned), Instant::now());
    let (takes, most) = (shared.options.duration(answer.scanned), shared.options.time_max);
    // A sleep of no time would still wait for the timer's next turn.
    if !takes.is_zero() {
        sleep(takes.min(most)).await;
    }
    if takes > most {
        return Ok(api.gateway_timeout());
    }
    match &fault {
        Fault::Slow(delay) => sleep(*delay).await,
        Fault::Hold(gate) => gate.pass().await,
        _ => {}
    }
    shared.record().update(number, |request| {
        (request.rows, request.bytes, request.cut) = (answer.rows, answer.bytes, answer.cut);
    });
    let body = answer.body(api, &shared.options, takes.as_secs_f64());
    Ok(Reply { truncated: fault == Fault::Truncate, ..Reply::raw(200, body) })
}

/// Who asks, at which door, and what; the record keeps what was read.
fn admit(shared: &Shared, call: &Call, number: u64) -> Result<(Api, Asked), Reply> {
    let Some(api) = Api::at(call.method.as_str(), &call.path) else {
        let message = format!("Resource not found for the segment '{}'.", call.path);
        let error = serde_json::json!({"error": {"code": "BadRequest", "message": message, "target": guid()}});
        return Err(Reply::json(404, &error));
    };
    if !shared.identity.is_known(&call.headers, &[api.audience(&shared.options).to_owned()]) {
        return Err(api.unauthorized(&call.headers));
    }
    if !shared.is_permitted() {
        return Err(api.forbidden());
    }
    let asked: Asked = serde_json::from_slice(&call.body).map_err(|error| api.bad(&error.to_string()))?;
    shared.record().update(number, |request| {
        (request.query, request.timespan) = (asked.query.clone(), asked.timespan.clone());
    });
    if asked.query.trim().is_empty() {
        return Err(api.bad("The query is empty."));
    }
    Ok((api, asked))
}

/// Counts the call against both quotas.
fn count(shared: &Shared, api: Api) -> Result<(), Reply> {
    let now = Instant::now();
    // The CPU first: a call that it keeps out uses up no place among the calls.
    shared.cpu.enter(now).map_err(|wait| api.too_much_cpu(wait))?;
    shared.rate.count(now).map_err(|wait| api.too_many_calls(shared.options.rate, wait))
}

/// What is asked for, and of which time.
fn understand(shared: &Shared, api: Api, asked: &Asked) -> Result<(Query, Range), Reply> {
    let now = shared.now();
    let reach = i64::try_from(shared.options.reach.as_nanos() / 100).unwrap_or(i64::MAX);
    let mut range = Range { from: now.saturating_sub(reach), to: i64::MAX };
    // The older call knows no Timespan.
    if let Some(span) = asked.timespan.as_deref().filter(|_| api == Api::Graph) {
        let span = timespan::parse(span, now);
        range = range.and(span.ok_or_else(|| api.bad("The Timespan is no ISO 8601 interval or duration."))?);
    }
    Ok((kql::parse(&asked.query, now).map_err(|error| api.refused(&error))?, range))
}

/// Runs the query where it holds up nobody.
async fn evaluate(
    shared: &Arc<Shared>,
    query: Query,
    range: Range,
) -> io::Result<Result<Result<Answer, TooLarge>, QueryError>> {
    let shared = Arc::clone(shared);
    let evaluated = tokio::task::spawn_blocking(move || {
        let tables = shared.tables.read().unwrap_or_else(PoisonError::into_inner);
        let relation = kql::run(&tables, &query, range, Plan::Analytics)?;
        Ok(Answer::new(&relation, &shared.options))
    });
    evaluated.await.map_err(io::Error::other)
}
