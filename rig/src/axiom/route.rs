//! Which endpoint a path names. The edge serves ingest and query, the central API serves everything.

use std::io;
use std::sync::Arc;

use serde_json::json;

use super::fault::Refusal;
use super::reply::Reply;
use super::server::{Call, Shared};
use super::{dashboards, ingest, manage, monitors, query};

/// Whether a path is one of the two ingest paths.
pub(crate) fn is_ingest(path: &str) -> bool {
    matches!(
        segments(path).iter().map(String::as_str).collect::<Vec<_>>()[..],
        ["v1", "ingest", _] | ["v1", "datasets", _, "ingest"]
    )
}

/// Serves a request. An error breaks the connection.
pub(crate) async fn route(shared: &Arc<Shared>, call: Call) -> io::Result<Reply> {
    let segments = segments(&call.path);
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    let call = Arc::new(call);
    let reply = match (call.edge, call.method.as_str(), &path[..]) {
        (true, "POST", ["v1", "ingest", dataset]) | (false, "POST", ["v1", "datasets", dataset, "ingest"]) => {
            return ingest::ingest(shared, Arc::clone(&call), dataset).await;
        }
        (true, "POST", ["v1", "query", "_apl"]) | (false, "POST", ["v1", "datasets", "_apl"]) => {
            query::query(shared, &call)
        }
        (false, "GET", ["v2", "orgs"]) => organisations(shared, &call),
        (false, method, ["v2", "dashboards", rest @ ..]) => dashboards::dashboards(shared, &call, method, rest),
        (false, method, ["v2", "monitors", rest @ ..]) => monitors::monitors(shared, &call, method, rest),
        (false, method, ["v2", "notifiers", rest @ ..]) => monitors::notifiers(shared, &call, method, rest),
        (false, method, ["v1" | "v2", "datasets", rest @ ..]) => manage::manage(shared, &call, method, rest),
        _ => Err(Refusal::new(404, "not found")),
    };
    Ok(reply.unwrap_or_else(Reply::from))
}

fn segments(path: &str) -> Vec<String> {
    let decode = |segment: &str| percent_decode(segment.as_bytes());
    path.trim_matches('/').split('/').map(decode).collect()
}

fn percent_decode(mut text: &[u8]) -> String {
    let mut out = Vec::new();
    while let Some((&byte, rest)) = text.split_first() {
        let escaped = if byte == b'%' { rest.get(..2) } else { None };
        let decoded = escaped.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        out.push(decoded.unwrap_or(byte));
        text = if decoded.is_some() { &rest[2..] } else { rest };
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// `GET /v2/orgs`: one organisation with its limits.
fn organisations(shared: &Shared, call: &Call) -> Result<Reply, Refusal> {
    let rules = &shared.options.rules;
    let rights = shared.store().tokens.rights(&call.headers, call.edge, rules.unknown_token)?;
    if rights.org.is_none() && !rules.orgs_for_api_tokens {
        return Err(Refusal::new(403, "API tokens may not list organisations"));
    }
    let id = rights.org.unwrap_or_else(|| "organisation".to_owned());
    let license = json!({
        "apiRateLimitPerSecond": rules.requests_per_minute / 60, "maxDatasets": rules.datasets_max,
        "maxFields": rules.fields_max, "maxQueryWindowSeconds": 31_536_000, "monthlyIngestGb": 500,
        "edgeDeployments": [manage::EDGE_DEPLOYMENT], "defaultEdgeDeployment": manage::EDGE_DEPLOYMENT,
    });
    Ok(Reply::json(200, &json!([{"id": id, "name": id, "license": license}])))
}
