//! What the host makes of a handler's answer (pure). Every row was measured on host 4.1037, or is in its source.

use hyper::body::Bytes;
use serde_json::Value;

/// An answer as it came over the wire, redirects already followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The `Content-Type` header, where there is one.
    pub content_type: Option<String>,
    /// The whole body.
    pub body: Bytes,
}

/// The host's verdict on one invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The function succeeded; these are its `Logs`.
    Succeeded(Vec<String>),
    /// The function failed, for this reason. The answer's body and `Logs` are thrown away.
    Failed(String),
    /// No result is ever set: the invocation hangs until `functionTimeout`, which then kills the whole handler.
    Hangs,
}

/// Judges an answer as the host does.
pub(crate) fn judge(answer: &Answer) -> Verdict {
    if !(200..300).contains(&answer.status) {
        return failed(format!("response status code does not indicate success: {}", answer.status));
    }
    if answer.body.is_empty() {
        return Verdict::Hangs;
    }
    let media_type = answer.content_type.as_deref().map(|value| value.split(';').next().unwrap_or(value).trim());
    match media_type.map(str::to_ascii_lowercase).as_deref() {
        Some("application/json" | "text/json") => {}
        Some(other) => return failed(format!("no formatter reads the content type {other}")),
        None => return failed("no formatter reads an answer without a content type".to_owned()),
    }
    match serde_json::from_slice(&answer.body) {
        Ok(Value::Null) => Verdict::Hangs,
        Ok(Value::Object(members)) => logs(&members),
        Ok(other) => failed(format!("the answer is not a JSON object: {other}")),
        Err(error) => failed(format!("the answer is not JSON: {error}")),
    }
}

/// `Logs` may be missing, null or an array of strings; anything else fails the invocation.
fn logs(members: &serde_json::Map<String, Value>) -> Verdict {
    let member = members.iter().find(|(key, _)| key.eq_ignore_ascii_case("logs")).map(|(_, value)| value);
    let lines = match member {
        None | Some(Value::Null) => Some(vec![]),
        Some(Value::Array(lines)) => lines.iter().map(|line| line.as_str().map(str::to_owned)).collect(),
        Some(_) => None,
    };
    lines.map_or_else(|| failed("Logs holds something other than strings".to_owned()), Verdict::Succeeded)
}

fn failed(reason: String) -> Verdict {
    Verdict::Failed(reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: Option<&str> = Some("application/json");

    fn check(status: u16, content_type: Option<&str>, body: &'static str, expected: &str) {
        let answer = Answer { status, content_type: content_type.map(str::to_owned), body: Bytes::from(body) };
        let verdict = match judge(&answer) {
            Verdict::Succeeded(lines) => format!("succeeded {}", lines.join("+")),
            Verdict::Failed(_) => "failed".to_owned(),
            Verdict::Hangs => "hangs".to_owned(),
        };
        assert_eq!(verdict.trim(), expected, "{status} {content_type:?} {body}");
    }

    #[test]
    fn success_needs_a_2xx_json_and_an_object() {
        check(200, JSON, "{}", "succeeded");
        check(
            200,
            Some("application/json; charset=utf-8"),
            r#"{"Outputs":{},"Logs":["a","b"],"ReturnValue":null}"#,
            "succeeded a+b",
        );
        check(202, Some("text/json"), r#"{"Outputs":{"nobody":1}}"#, "succeeded");
        check(200, JSON, r#"{"Logs":null}"#, "succeeded");
        check(200, JSON, r#"{"key1":"value1"}"#, "succeeded");
    }

    #[test]
    fn an_empty_or_null_body_hangs() {
        check(200, JSON, "", "hangs");
        check(200, None, "", "hangs");
        check(204, None, "", "hangs");
        check(200, JSON, "null", "hangs");
    }

    #[test]
    fn everything_else_fails() {
        check(200, Some("text/plain"), "ok", "failed");
        check(200, None, "{}", "failed");
        check(200, JSON, "{", "failed");
        check(200, JSON, "[]", "failed");
        check(200, JSON, r#"{"Logs":[1]}"#, "failed");
        check(200, JSON, r#"{"Logs":"a"}"#, "failed");
        for status in [302, 400, 404, 500, 503] {
            check(status, JSON, "{}", "failed");
        }
    }
}
