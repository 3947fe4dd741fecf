//! From a request to its answer.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, PoisonError};

use serde::Deserialize;
use tokio::time::{Instant, sleep};

use super::page::{Page, SkipToken, TooLarge, Wanted};
use super::server::Shared;
use super::{refusal, rows};
use crate::door::Call;
use crate::fault::Fault;
use crate::kql::parse::{Expr, Operator, Source};
use crate::kql::timespan::Range;
use crate::kql::{self, Plan, Query, QueryError, ticks};
use crate::loopback;
use crate::npm::fingerprint;
use crate::reply::Reply;

/// The path, whose case does not matter as nowhere in Azure Resource Manager.
const PATH: &str = "/providers/microsoft.resourcegraph/resources";

/// The stable versions of the API, which mean the same in all that is understood here.
const VERSIONS: [&str; 3] = ["2021-03-01", "2022-10-01", "2024-04-01"];

/// The body of a request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Asked {
    query: String,
    #[serde(default)]
    subscriptions: Vec<String>,
    #[serde(default)]
    management_groups: Vec<String>,
    #[serde(default)]
    options: AskedOptions,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AskedOptions {
    #[serde(rename = "$skipToken")]
    skip_token: Option<String>,
    #[serde(rename = "$top")]
    top: Option<usize>,
    #[serde(rename = "$skip")]
    skip: Option<usize>,
    result_format: Option<String>,
    #[serde(default)]
    allow_partial_scopes: bool,
}

/// A query that is understood.
struct Understood {
    query: Query,
    wanted: Wanted,
    fingerprint: u64,
    /// It says itself how many records it wants.
    limited: bool,
    /// It is about the whole tenant or management groups, and there are subscriptions that it does not look into.
    cut: bool,
}

/// Answers a request. An error breaks the connection.
pub(crate) async fn answer(shared: &Arc<Shared>, call: &Call, number: u64) -> io::Result<Reply> {
    let asked = match admit(shared, call, number) {
        Ok(asked) => asked,
        Err(reply) => return Ok(reply),
    };
    let fault = shared.faults.next(&asked.query);
    match &fault {
        Fault::Reset => return Err(loopback::reset()),
        Fault::Refuse { status, code, message, retry_after } => {
            return Ok(Reply { retry_after: *retry_after, ..refusal::because(*status, code, code, message) });
        }
        Fault::GatewayTimeout => return Ok(refusal::gateway_timeout()),
        Fault::Slow(delay) => sleep(*delay).await,
        Fault::Hold(gate) => gate.pass().await,
        _ => {}
    }
    if let Err(wait) = shared.rate.count(Instant::now()) {
        return Ok(shared.with_quota(refusal::throttled(wait)));
    }
    if !shared.options.latency.is_zero() {
        sleep(shared.options.latency).await;
    }
    let understood = match understand(shared, &asked) {
        Ok(understood) => understood,
        Err(reply) => return Ok(shared.with_quota(reply)),
    };
    let (wanted, fingerprint, cut) = (understood.wanted, understood.fingerprint, understood.cut);
    let page = match evaluate(shared, understood).await? {
        Ok(Ok(page)) => page,
        Ok(Err(TooLarge(bytes))) => {
            return Ok(shared.with_quota(refusal::too_large(bytes, shared.options.bytes_max)));
        }
        Err(error) => return Ok(shared.with_quota(refusal::query(&error))),
    };
    let page = match &fault {
        Fault::Partial => page.partial(),
        Fault::ShortCount => page.short(),
        _ => page,
    };
    shared.record().update(number, |request| {
        (request.rows, request.total, request.bytes) = (page.records.len(), page.total, page.bytes());
    });
    let mut reply = shared.with_quota(Reply::raw(200, page.body(wanted, fingerprint)));
    if cut {
        reply.headers.push(("x-ms-tenant-subscription-limit-hit", "true".to_owned()));
    }
    Ok(Reply { truncated: fault == Fault::Truncate, ..reply })
}

/// Who asks, and what; the record keeps what was read.
fn admit(shared: &Shared, call: &Call, number: u64) -> Result<Asked, Reply> {
    if call.method != "POST" || !call.path.eq_ignore_ascii_case(PATH) {
        return Err(refusal::manager(404, "InvalidResourceType", "The resource type could not be found."));
    }
    match call.parameter("api-version") {
        None => {
            let message = "The api-version query parameter (?api-version=) is required for all requests.";
            return Err(refusal::manager(400, "MissingApiVersionParameter", message));
        }
        Some(version) if !VERSIONS.contains(&version) => {
            let message = format!("No registered resource provider found for API version '{version}'.");
            return Err(refusal::manager(400, "NoRegisteredProviderFound", &message));
        }
        Some(_) => {}
    }
    if !shared.identity.is_known(&call.headers, std::slice::from_ref(&shared.options.audience)) {
        return Err(refusal::unauthorized(&call.headers));
    }
    if !shared.is_permitted() {
        return Err(refusal::forbidden());
    }
    let asked: Asked = serde_json::from_slice(&call.body).map_err(|error| refusal::body(&error.to_string()))?;
    shared.record().update(number, |request| {
        (request.query, request.top) = (asked.query.clone(), asked.options.top);
        request.allow_partial_scopes = asked.options.allow_partial_scopes;
        request.has_skip_token = asked.options.skip_token.is_some();
        request.subscriptions.clone_from(&asked.subscriptions);
        request.management_groups.clone_from(&asked.management_groups);
    });
    Ok(asked)
}

/// What is asked for, of which subscriptions, and which page of it.
fn understand(shared: &Shared, asked: &Asked) -> Result<Understood, Reply> {
    let options = &asked.options;
    if options.result_format.as_deref().is_some_and(|format| format != "objectArray") {
        return Err(refusal::body("This stand-in knows the format objectArray alone."));
    }
    let most = shared.options.rows_max;
    if options.top.is_some_and(|top| !(1..=most).contains(&top)) {
        return Err(refusal::body(&format!("$top must be between 1 and {most}.")));
    }
    let context = format!("{}\n{:?}\n{:?}", asked.query, asked.subscriptions, asked.management_groups);
    let fingerprint = fingerprint(context.as_bytes());
    let token = match &options.skip_token {
        None => None,
        Some(text) => {
            let token = SkipToken::decode(text).filter(|token| token.fingerprint == fingerprint);
            Some(token.ok_or_else(|| {
                refusal::because(400, "BadRequest", "InvalidSkipToken", "The skip token is not of this query.")
            })?)
        }
    };
    // What is said beside a token wins over it (REST reference, QueryRequestOptions).
    let (size, place) = token.map_or((most, 0), |token| (token.max_rows, token.rows_to_skip));
    let wanted = Wanted { skip: options.skip.unwrap_or(place), top: options.top.unwrap_or(size) };
    let mut query = kql::parse(&asked.query, ticks::now()).map_err(|error| refusal::query(&error))?;
    if let Source::Table(name) = &mut query.source {
        // Tables are found in any case.
        *name = name.to_lowercase();
    }
    let limited = query.operators.iter().any(|operator| matches!(operator, Operator::Take(_) | Operator::Top(..)));
    let cut = narrow(shared, asked, &mut query)?;
    Ok(Understood { query, wanted, fingerprint, limited, cut })
}

/// Restricts the query to the subscriptions that are asked for. True where there are more than it may look into.
fn narrow(shared: &Shared, asked: &Asked, query: &mut Query) -> Result<bool, Reply> {
    let mut wanted: BTreeSet<String> = asked.subscriptions.iter().map(|id| id.to_lowercase()).collect();
    for name in &asked.management_groups {
        let group = shared.options.management_groups.iter().find(|(group, _)| group == name);
        let (_, below) = group.ok_or_else(refusal::forbidden)?;
        wanted.extend(below.iter().map(|id| id.to_lowercase()));
    }
    let most = shared.options.subscriptions_max;
    let mut cut = false;
    if asked.subscriptions.is_empty() {
        if asked.management_groups.is_empty() {
            let tables = shared.tables.read().unwrap_or_else(PoisonError::into_inner);
            let records = tables.get(rows::TABLE).map_or(&[][..], |table| &table.rows);
            if records.len() <= most {
                return Ok(false);
            }
            wanted = records.iter().map(|row| rows::text(row, "subscriptionId")).collect();
        }
        cut = wanted.len() > most;
        if wanted.len() <= most && asked.management_groups.is_empty() {
            return Ok(false);
        }
        wanted = wanted.into_iter().take(most).collect();
    }
    let names = wanted.into_iter().map(Expr::Text).collect();
    let column = Box::new(Expr::Name("subscriptionId".to_owned()));
    query.operators.insert(0, Operator::Where(Expr::In("=~", column, names)));
    Ok(cut)
}

/// Runs the query where it holds up nobody.
async fn evaluate(
    shared: &Arc<Shared>,
    understood: Understood,
) -> io::Result<Result<Result<Page, TooLarge>, QueryError>> {
    let shared = Arc::clone(shared);
    let evaluated = tokio::task::spawn_blocking(move || {
        let tables = shared.tables.read().unwrap_or_else(PoisonError::into_inner);
        let relation = kql::run(&tables, &understood.query, Range::ALL, Plan::Analytics)?;
        Ok(Page::new(&relation, understood.wanted, understood.limited, &shared.options))
    });
    evaluated.await.map_err(io::Error::other)
}
