//! The two doors, and each one's words for refusals.

use std::time::Duration;

use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use serde_json::json;

use super::options::Options;
use crate::kql::{QueryError, ticks};
use crate::reply::{Reply, guid};

/// A door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Api {
    /// `POST /v1.0/security/runHuntingQuery` of Microsoft Graph.
    Graph,
    /// `POST /api/advancedhunting/run` of the older API.
    Security,
}

impl Api {
    /// The door at a path.
    pub(crate) fn at(method: &str, path: &str) -> Option<Self> {
        match (method, path) {
            ("POST", "/v1.0/security/runHuntingQuery") => Some(Self::Graph),
            ("POST", "/api/advancedhunting/run") => Some(Self::Security),
            _ => None,
        }
    }

    pub(crate) fn audience(self, options: &Options) -> &str {
        match self {
            Self::Graph => &options.graph_audience,
            Self::Security => &options.security_audience,
        }
    }

    fn permission(self) -> &'static str {
        match self {
            Self::Graph => "ThreatHunting.Read.All",
            Self::Security => "AdvancedHunting.Read.All",
        }
    }

    /// A refusal.
    pub(crate) fn error(self, status: u16, code: &str, message: &str) -> Reply {
        let error = match self {
            Self::Graph => {
                // Whole seconds and no zone, as Microsoft Graph has it.
                let date = ticks::format(ticks::now());
                let date = date.split_once('.').map_or(date.trim_end_matches('Z'), |(seconds, _)| seconds);
                let request = guid();
                let inner = json!({"date": date, "request-id": request, "client-request-id": request});
                json!({"code": code, "message": message, "innerError": inner})
            }
            Self::Security => json!({"code": code, "message": message, "target": format!("|{}.", guid())}),
        };
        Reply::json(status, &json!({"error": error}))
    }

    /// 401, with words for a token that is missing and for one that is not for this.
    pub(crate) fn unauthorized(self, headers: &HeaderMap) -> Reply {
        let is_missing = !headers.contains_key(AUTHORIZATION);
        match self {
            Self::Graph => {
                let message = if is_missing {
                    "Access token is empty."
                } else {
                    "Access token validation failure. Invalid audience."
                };
                self.error(401, "InvalidAuthenticationToken", message)
            }
            Self::Security => {
                let message =
                    if is_missing { "Missing authentication token." } else { "The token is not valid for this API." };
                self.error(401, "Unauthorized", message)
            }
        }
    }

    /// 403.
    pub(crate) fn forbidden(self) -> Reply {
        let permission = self.permission();
        let message = format!(
            "The application does not have any of the required application permissions ({permission}) to access the resource."
        );
        self.error(403, "Forbidden", &message)
    }

    /// 429 for too many calls.
    pub(crate) fn too_many_calls(self, limit: usize, wait: Duration) -> Reply {
        let message = format!(
            "Your request was throttled: the tenant has used up its quota of {limit} calls. Try again after the time in Retry-After."
        );
        self.throttled(&message, wait)
    }

    /// 429 for too much CPU.
    pub(crate) fn too_much_cpu(self, wait: Duration) -> Reply {
        let message = "The tenant has used up its CPU resources for advanced hunting in this cycle. \
                       Queries run again after the next cycle begins.";
        self.throttled(message, wait)
    }

    fn throttled(self, message: &str, wait: Duration) -> Reply {
        Reply { retry_after: Some(crate::rate::seconds(wait)), ..self.error(429, "TooManyRequests", message) }
    }

    /// 504.
    pub(crate) fn gateway_timeout(self) -> Reply {
        self.error(504, "GatewayTimeout", "The query did not end within the time that it may take.")
    }

    /// 400 for a query that is not run.
    pub(crate) fn refused(self, error: &QueryError) -> Reply {
        self.bad(&error.message())
    }

    /// 400 for a result that is too large. The words are the service's.
    pub(crate) fn too_large(self) -> Reply {
        self.bad(
            "Query execution has exceeded the allowed result size. Optimize your query by limiting the number of results and try again.",
        )
    }

    /// 400.
    pub(crate) fn bad(self, message: &str) -> Reply {
        self.error(400, "BadRequest", message)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn each_door_has_its_own_form() {
        let error = |reply: Reply| serde_json::from_slice::<Value>(&reply.body).unwrap()["error"].clone();
        let keys = |error: &Value| error.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
        let graph = error(Api::Graph.bad("words"));
        assert_eq!(
            (keys(&graph), keys(&graph["innerError"])),
            ("code innerError message".into(), "client-request-id date request-id".into())
        );
        assert_eq!(graph["innerError"]["date"].as_str().map(str::len), Some("2026-01-02T03:04:05".len()));
        let security = error(Api::Security.bad("words"));
        assert_eq!((keys(&security), &security["message"]), ("code message target".into(), &json!("words")));
        let wait = Api::Graph.too_many_calls(45, Duration::from_millis(1500));
        assert_eq!((wait.status, wait.retry_after), (429, Some(2)));
        assert_ne!(error(wait)["message"], error(Api::Graph.too_much_cpu(Duration::ZERO))["message"]);
    }
}
