//! What we answer to the host.

use serde::Serialize;
use serde_json::{Map, Value};

/// The answer to an invocation ("Azure Functions custom handlers", response payload). Never empty: after an empty 2xx answer, or `null`, the host
/// waits until `functionTimeout` and then kills the program. Sent with `Content-Type: application/json`, or the host counts it as failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Answer {
    outputs: Map<String, Value>,
    logs: Vec<String>,
    return_value: Option<Value>,
}

impl Answer {
    /// An answer with these lines for the function's log. The host accepts strings only, one line each.
    pub fn new(logs: impl IntoIterator<Item = String>) -> Self {
        let logs = logs.into_iter().map(|line| line.replace(['\r', '\n'], " ")).collect();
        Self { outputs: Map::new(), logs, return_value: None }
    }

    /// An answer of an HTTP trigger, whose output binding is `res`: what the host sends to whoever asked. Nothing in it may be kept, or bring in anything from
    /// elsewhere.
    pub fn page(status: u16, content_type: &str, body: String) -> Self {
        let headers = serde_json::json!({
            "Content-Type": content_type,
            "Cache-Control": "no-store",
            "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
        });
        let response = serde_json::json!({"statusCode": status.to_string(), "headers": headers, "body": body});
        Self { outputs: Map::from_iter([("res".to_owned(), response)]), ..Self::new([]) }
    }

    /// The body of the answer.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("strings under string keys are always JSON")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_an_object_in_the_hosts_words() {
        assert_eq!(Answer::new([]).to_json(), r#"{"Outputs":{},"Logs":[],"ReturnValue":null}"#);
        let answer = Answer::new(["a\nb".to_owned(), "c \"d\"".to_owned()]);
        assert_eq!(answer.to_json(), r#"{"Outputs":{},"Logs":["a b","c \"d\""],"ReturnValue":null}"#);
    }
}
