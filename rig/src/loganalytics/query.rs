//! `POST /v1/workspaces/{guid}/query` and `/search`: from a request to its answer.

use std::io;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use hyper::HeaderMap;
use hyper::header::CONTENT_TYPE;
use serde::Deserialize;
use tokio::time::{Instant, sleep};

use super::reply;
use super::result::{self, Answer, Limits};
use super::server::Shared;
use crate::door::Call;
use crate::fault::Fault;
use crate::kql::timespan::{self, Range};
use crate::kql::{self, Plan, Query, QueryError, ticks};
use crate::loopback;
use crate::reply::Reply;

/// The body of a request.
#[derive(Deserialize)]
struct Asked {
    query: String,
    timespan: Option<String>,
    workspaces: Option<Vec<String>>,
}

/// The header `Prefer`.
#[derive(Debug, Default, PartialEq, Eq)]
struct Prefer {
    wait: Option<u64>,
    statistics: bool,
    render: bool,
}

/// Answers a request. An error breaks the connection.
pub(crate) async fn answer(shared: &Arc<Shared>, call: &Call, number: u64) -> io::Result<Reply> {
    let (plan, asked, prefer) = match admit(shared, call, number) {
        Ok(admitted) => admitted,
        Err(reply) => return Ok(reply),
    };
    let fault = shared.faults.next(&asked.query);
    match &fault {
        Fault::Reset => return Err(loopback::reset()),
        Fault::Refuse { status, code, message, retry_after } => {
            return Ok(Reply { retry_after: *retry_after, ..reply::error(*status, code, message) });
        }
        Fault::GatewayTimeout => return Ok(reply::gateway_timeout()),
        _ => {}
    }
    if let Err(wait) = shared.pace.count(Instant::now()) {
        return Ok(reply::throttled("Rate limit is exceeded", crate::rate::seconds(wait)));
    }
    let (query, range) = match understand(&asked, call, plan) {
        Ok(understood) => understood,
        Err(error) => return Ok(reply::refused(&error)),
    };
    let Some(place) = shared.pace.enter(plan).await else {
        return Ok(reply::throttled("Too many queries are waiting", 30));
    };
    shared.record().update(number, |request| {
        (request.started, request.at_once) = (Some(Instant::now()), place.at_once);
    });
    let answer = match evaluate(shared, query, range, plan, &fault).await? {
        Ok(answer) => answer,
        Err(error) => return Ok(reply::refused(&error)),
    };
    let (limit, takes) = (limit(shared, &prefer), shared.options.duration(answer.scanned, answer.bytes));
    // A sleep of no time would still wait for the timer's next turn.
    if !takes.is_zero() {
        sleep(takes.min(limit)).await;
    }
    if takes > limit {
        return Ok(reply::gateway_timeout());
    }
    match &fault {
        Fault::Slow(delay) => sleep(*delay).await,
        Fault::Hold(gate) => gate.pass().await,
        _ => {}
    }
    shared.record().update(number, |request| {
        (request.rows, request.bytes, request.partial) = (answer.rows, answer.bytes, answer.partial.is_some());
    });
    Ok(Reply { truncated: fault == Fault::Truncate, ..Reply::raw(200, body(&answer, &prefer, takes)) })
}

/// Who asks, for which workspace, and what; the record keeps what was read.
fn admit(shared: &Shared, call: &Call, number: u64) -> Result<(Plan, Asked, Prefer), Reply> {
    let segments: Vec<_> = call.path.trim_matches('/').split('/').collect();
    let (workspace, plan) = match (call.method.as_str(), &segments[..]) {
        ("POST", ["v1", "workspaces", workspace, "query"]) => (*workspace, Plan::Analytics),
        ("POST", ["v1", "workspaces", workspace, "search"]) => (*workspace, Plan::Basic),
        _ => return Err(reply::error(404, "PathNotFoundError", "The requested path does not exist")),
    };
    if !shared.identity.is_known(&call.headers, &shared.options.audiences) {
        return Err(reply::error(401, "AuthorizationRequiredError", "Valid authentication was not provided"));
    }
    let is_known = |workspace: &str| workspace.eq_ignore_ascii_case(&shared.workspace);
    let unknown = || reply::error(404, "WorkspaceNotFoundError", "The workspace could not be found");
    if !is_known(workspace) {
        return Err(unknown());
    }
    if !shared.is_permitted() {
        let message = "The provided credentials have insufficient access to perform the requested operation";
        return Err(reply::error(403, "InsufficientAccessError", message));
    }
    let content_type = call.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if call.body.is_empty() || !content_type.starts_with("application/json") {
        // As documented: "Missing JSON or Content-Type", 200 response, empty body.
        return Err(Reply::raw(200, ""));
    }
    let asked: Asked = serde_json::from_slice(&call.body)
        .map_err(|error| reply::refused(&bad("InvalidJsonBody", &error.to_string())))?;
    let prefer = prefer(&call.headers);
    shared.record().update(number, |request| {
        (request.query, request.timespan) = (asked.query.clone(), asked.timespan.clone());
        request.wait = prefer.wait;
    });
    if asked.workspaces.iter().flatten().any(|workspace| !is_known(workspace)) {
        return Err(unknown());
    }
    let is_empty = || shared.tables.read().unwrap_or_else(PoisonError::into_inner).values().all(kql::Table::is_empty);
    if shared.options.empty_is_204 && is_empty() {
        return Err(Reply::raw(204, ""));
    }
    Ok((plan, asked, prefer))
}

fn bad(code: &'static str, message: &str) -> QueryError {
    QueryError::Request { code, message: message.to_owned() }
}

/// What is asked for, and of which time.
fn understand(asked: &Asked, call: &Call, plan: Plan) -> Result<(Query, Range), QueryError> {
    let spans: Vec<_> = [call.parameter("timespan"), asked.timespan.as_deref()].into_iter().flatten().collect();
    let now = ticks::now();
    if spans.is_empty() && plan == Plan::Basic {
        return Err(bad("MissingTimespan", "A search needs a timespan"));
    }
    let mut range = Range::ALL;
    for span in spans {
        let span = timespan::parse(span, now);
        range =
            range.and(span.ok_or_else(|| bad("InvalidTimespan", "The timespan is no ISO 8601 interval or duration"))?);
    }
    Ok((kql::parse(&asked.query, now)?, range))
}

/// Runs the query where it holds up nobody.
async fn evaluate(
    shared: &Arc<Shared>,
    query: Query,
    range: Range,
    plan: Plan,
    fault: &Fault,
) -> io::Result<Result<Answer, QueryError>> {
    let (shared, fault) = (Arc::clone(shared), fault.clone());
    let evaluated = tokio::task::spawn_blocking(move || {
        let mut limits = Limits { rows: shared.options.rows_max, bytes: shared.options.bytes_max };
        let tables = shared.tables.read().unwrap_or_else(PoisonError::into_inner);
        let mut relation = kql::run(&tables, &query, range, plan)?;
        match fault {
            Fault::ShortCount if relation.is_plain() => relation.truncate(relation.rows.len().saturating_sub(1)),
            Fault::Partial => limits.rows = limits.rows.min(relation.rows.len() / 2),
            _ => {}
        }
        let mut answer = Answer::new(&relation, limits);
        if fault == Fault::Partial {
            answer.partial.get_or_insert_with(|| result::too_many_rows(limits.rows));
        }
        Ok(answer)
    });
    evaluated.await.map_err(io::Error::other)
}

fn limit(shared: &Shared, prefer: &Prefer) -> Duration {
    prefer.wait.map_or(shared.options.wait_default, Duration::from_secs).min(shared.options.wait_max)
}

/// Reads `wait=600,include-statistics=true`, in one header or in several.
fn prefer(headers: &HeaderMap) -> Prefer {
    let mut prefer = Prefer::default();
    let values = headers.get_all("Prefer").iter().filter_map(|value| value.to_str().ok());
    for preference in values.flat_map(|value| value.split([',', ';'])) {
        let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
        match (name.trim(), value.trim()) {
            ("wait", seconds) => prefer.wait = seconds.parse().ok(),
            ("include-statistics", "true") => prefer.statistics = true,
            ("include-render", "true") => prefer.render = true,
            _ => {}
        }
    }
    prefer
}

/// The body of a 200.
fn body(answer: &Answer, prefer: &Prefer, took: Duration) -> String {
    let mut body = String::with_capacity(answer.tables.len() + 64);
    body.push_str("{\"tables\":");
    body.push_str(&answer.tables);
    let mut add = |key: &str, value: serde_json::Value| body.push_str(&format!(",\"{key}\":{value}"));
    if prefer.render {
        add("render", result::render());
    }
    if prefer.statistics {
        add("statistics", result::statistics(answer, took.as_secs_f64()));
    }
    if let Some(message) = &answer.partial {
        add("error", result::partial_error(message));
    }
    body.push('}');
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preferences() {
        let read = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append("Prefer", value.parse().unwrap());
            }
            prefer(&headers)
        };
        assert_eq!(read(&[]), Prefer::default());
        let all = Prefer { wait: Some(600), statistics: true, render: true };
        assert_eq!(read(&["wait=600,include-statistics=true,include-render=true"]), all);
        assert_eq!(read(&["include-render=true, wait=600", "include-statistics=true"]), all);
        assert_eq!(read(&["wait=soon,include-statistics=false"]), Prefer::default());
    }
}
