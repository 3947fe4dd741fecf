//! The service's words for refusals.

use serde_json::json;

use crate::kql::QueryError;
use crate::reply::{Reply, guid};

/// A refusal.
pub(crate) fn error(status: u16, code: &str, message: &str) -> Reply {
    Reply::json(status, &json!({"error": {"message": message, "code": code, "correlationId": guid()}}))
}

/// 429.
pub(crate) fn throttled(message: &str, retry_after: u64) -> Reply {
    Reply { retry_after: Some(retry_after), ..error(429, "ThrottledError", message) }
}

/// 504, as recorded.
pub(crate) fn gateway_timeout() -> Reply {
    let inner = json!({
        "code": "GatewayTimeout", "message": "Connection error",
        "statusDetails": {"code": "ESOCKETTIMEDOUT", "connect": false},
    });
    let error =
        json!({"message": "Gateway timeout", "code": "GatewayTimeout", "correlationId": guid(), "innererror": inner});
    Reply::json(504, &json!({"error": error}))
}

/// 400 for a query that is not run.
pub(crate) fn refused(error: &QueryError) -> Reply {
    let inner = error.inner();
    let message = "The request had some invalid properties";
    let error = json!({"message": message, "code": "BadArgumentError", "correlationId": guid(), "innererror": inner});
    Reply::json(400, &json!({"error": error}))
}
