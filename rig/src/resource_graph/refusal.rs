//! The service's words for refusals.

use std::time::Duration;

use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use serde_json::{Value as Json, json};

use crate::kql::{QueryError, ticks};
use crate::reply::{Reply, guid};

/// A refusal in the form of recorded ones: what happened is in the details.
pub(crate) fn error(status: u16, code: &str, details: &[Json]) -> Reply {
    let now = ticks::format(ticks::now());
    let message = format!(
        "Please provide below info when asking for support: timestamp = {now}, correlationId = {}.",
        crate::reply::guid()
    );
    Reply::json(status, &json!({"error": {"code": code, "message": message, "details": details}}))
}

/// A refusal with one detail.
pub(crate) fn because(status: u16, code: &str, detail: &str, message: &str) -> Reply {
    error(status, code, &[json!({"code": detail, "message": message})])
}

/// A refusal of Azure Resource Manager, which stands in front of the service.
pub(crate) fn manager(status: u16, code: &str, message: &str) -> Reply {
    Reply::json(status, &json!({"error": {"code": code, "message": message}}))
}

/// 401, for a token that is missing and for one that is not for this.
pub(crate) fn unauthorized(headers: &HeaderMap) -> Reply {
    let (code, message) = if headers.contains_key(AUTHORIZATION) {
        ("InvalidAuthenticationToken", "The access token is invalid.")
    } else {
        ("AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing.")
    };
    let challenge = format!(
        "Bearer authorization_uri=\"https://login.microsoftonline.com/{}\", error=\"invalid_token\", error_description=\"{message}\"",
        guid()
    );
    Reply { authenticate: Some(challenge), ..manager(401, code, message) }
}

/// 403.
pub(crate) fn forbidden() -> Reply {
    because(403, "Forbidden", "AccessDenied", "Access is denied to the requested resources.")
}

/// 400 for a query that is not run.
pub(crate) fn query(refused: &QueryError) -> Reply {
    let general = json!({
        "code": "InvalidQuery",
        "message": "Query is invalid. Please refer to the documentation for the Azure Resource Graph service and fix the error before retrying.",
    });
    let place = match refused {
        QueryError::Syntax { line, position, token } => json!({
            "code": "ParserFailure", "message": refused.message(), "line": line, "characterPositionInLine": position, "token": token,
        }),
        _ => json!({"code": "InvalidQuery", "message": refused.message()}),
    };
    error(400, "BadRequest", &[general, place])
}

/// 400 for a reply that is too large. The words are recorded (microsoft/ARI#199).
pub(crate) fn too_large(bytes: usize, limit: usize) -> Reply {
    let message = format!(
        "Response payload size is {bytes}, and has exceeded the limit of {limit}. Please consider querying less data at a time and make paginated call if needed."
    );
    because(400, "BadRequest", "ResponsePayloadTooLarge", &message)
}

/// 400 for a body that is none.
pub(crate) fn body(message: &str) -> Reply {
    because(400, "BadRequest", "InvalidRequest", message)
}

/// 429. The words are recorded (Azure/azure-cli-extensions#3325).
pub(crate) fn throttled(wait: Duration) -> Reply {
    let message = "Client application has been throttled and should not attempt to repeat the request until an amount of time has elapsed. Please see https://aka.ms/resourcegraph-throttling for help.";
    Reply { retry_after: Some(crate::rate::seconds(wait)), ..because(429, "RateLimiting", "RateLimiting", message) }
}

/// 504.
pub(crate) fn gateway_timeout() -> Reply {
    manager(
        504,
        "GatewayTimeout",
        "The gateway did not receive a response from 'Microsoft.ResourceGraph' within the specified time period.",
    )
}
