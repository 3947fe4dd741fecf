//! What an answer of the query API means. Pure.
//!
//! | answer | meaning |
//! |---|---|
//! | 200 without `error`, whole | rows |
//! | 200 with `error` (`PartialError`) | rows are missing: ask for less |
//! | 204 | no rows |
//! | 413, 504, or an error that names a limit of size | ask for less |
//! | 429 | wait as it says |
//! | 500, 502, 503, or a reply that broke off | try again |
//! | any other | nothing that we can mend: people must |
//!
//! Source: "Azure Monitor Log Analytics API errors", recordings of Azure's SDKs, and texts that users report (`decisions/0014`).

use super::reply;
use crate::query::rows::{QueryError, Rows};
use crate::query::verdict::{Head, Verdict, said};

/// Words of the errors that say: too many rows, too many bytes.
const TOO_MUCH: [&str; 4] = [
    "E_QUERY_RESULT_SET_TOO_LARGE",
    "exceed the set limit of",
    "Maximum response size of",
    "Response ended prematurely",
];

/// Judges an answer: how it begins, and its body.
pub(super) fn judge(head: &Head, body: &[u8]) -> Verdict<Rows> {
    let status = head.status;
    match status {
        200 => match reply::rows(body) {
            Ok(Rows { error: Some(error), .. }) => Verdict::TooMuch(error.to_string()),
            Ok(rows) => Verdict::Reply(Rows { served: head.served(), ..rows }),
            Err(error) => Verdict::Trouble(format!("the reply cannot be read: {error}")),
        },
        204 => Verdict::Reply(Rows { served: head.served(), ..Rows::default() }),
        413 | 504 => Verdict::TooMuch(said(status, body).to_string()),
        429 => Verdict::Limited(head.retry_after(), said(status, body).to_string()),
        408 | 500 | 502 | 503 => {
            let error = said(status, body);
            if names_a_limit(&error) {
                Verdict::TooMuch(error.to_string())
            } else {
                Verdict::Trouble(error.to_string())
            }
        }
        _ => {
            let error = said(status, body);
            if names_a_limit(&error) { Verdict::TooMuch(error.to_string()) } else { Verdict::Refused(error) }
        }
    }
}

fn names_a_limit(error: &QueryError) -> bool {
    let text = &error.cause().message;
    TOO_MUCH.iter().any(|words| text.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(status: u16, body: &str) -> (&'static str, String) {
        judge(&Head::of(status, &[("retry-after", "7")]), body.as_bytes()).told()
    }

    #[test]
    fn the_table() {
        let good = r#"{"tables":[{"name":"PrimaryResult","columns":[{"name":"a","type":"int"}],"rows":[[1],[2]]}]}"#;
        let error = |code: &str, message: &str| format!(r#"{{"error":{{"code":"{code}","message":"{message}"}}}}"#);
        for (status, body, kind, text) in [
            (200, good.to_owned(), "rows", "2"),
            (204, String::new(), "rows", "0"),
            (200, good[..good.len() - 4].to_owned(), "trouble", "cannot be read"),
            (
                200,
                good.replace("]]}]}", r#"]]}],"error":{"code":"PartialError","message":"m"}}"#),
                "too much",
                "PartialError: m",
            ),
            (504, "gateway".to_owned(), "too much", "HTTP 504: gateway"),
            (413, String::new(), "too much", "HTTP 413"),
            (429, error("ThrottledError", "slow down"), "limited", "7 ThrottledError: slow down"),
            (
                500,
                error(
                    "E",
                    "Query result set has exceeded the internal record count limit 5 (E_QUERY_RESULT_SET_TOO_LARGE)",
                ),
                "too much",
                "E:",
            ),
            (400, error("E", "the size of 70000000 bytes exceed the set limit of 64000000 bytes"), "too much", "E:"),
            (503, error("E", "busy"), "trouble", "E: busy"),
            (502, "<html>\nbad gateway".to_owned(), "trouble", "HTTP 502: <html>bad gateway"),
            (403, error("InsufficientAccessError", "no"), "refused", "InsufficientAccessError: no"),
            (301, String::new(), "refused", "HTTP 301"),
        ] {
            let (found, said) = verdict(status, &body);
            assert!(found == kind && said.contains(text), "{status} {body} is {found}: {said}");
        }
    }

    #[test]
    fn an_error_in_a_query_tells_its_place() {
        let body = r#"{"error":{"message":"The request had some invalid properties","code":"BadArgumentError","innererror":{"code":"SyntaxError","message":"A recognition error occurred in the query.",
            "innererror":{"code":"SYN0002","message":"Query could not be parsed at 'x'","line":2,"pos":10,"token":"x"}}}}"#;
        assert_eq!(
            verdict(400, body),
            ("refused", "BadArgumentError: Query could not be parsed at 'x' (line 2, position 10)".to_owned())
        );
    }
}
