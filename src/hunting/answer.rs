//! What an answer of advanced hunting means. Pure.
//!
//! | answer | meaning |
//! |---|---|
//! | 200 with fewer rows than the limit | rows |
//! | 200 with 100,000 rows | the rest is left out without a word: ask for less |
//! | 400 that names the size of the result, 504 | ask for less |
//! | 429 | wait as it says: calls per minute, or the quota of a quarter of an hour |
//! | 500, 502, 503, or a reply that broke off | try again |
//! | any other | nothing that we can mend: people must |
//!
//! Source: "Advanced hunting API" of Defender XDR and of Defender for Endpoint, quotas.

use super::reply;
use crate::query::rows::Rows;
use crate::query::verdict::{Head, Verdict, said};

/// Rows of a reply beyond which nothing comes.
pub(super) const MOST_ROWS: u64 = 100_000;

/// Words of the errors that say: too large, too long.
const TOO_MUCH: [&str; 4] = [
    "exceeded the allowed result size",
    "exceeded the timeout",
    "exceeded the allowed limits",
    "E_QUERY_RESULT_SET_TOO_LARGE",
];

/// Judges an answer: how it begins, and its body.
pub(super) fn judge(head: &Head, body: &[u8]) -> Verdict<Rows> {
    let status = head.status;
    match status {
        200 => match reply::rows(body) {
            Ok(Rows { count, .. }) if count >= MOST_ROWS => {
                Verdict::TooMuch(format!("{count} rows came, which is where the service stops"))
            }
            Ok(rows) => Verdict::Reply(Rows { served: head.served(), ..rows }),
            Err(error) => Verdict::Trouble(format!("the reply cannot be read: {error}")),
        },
        408 | 504 => Verdict::TooMuch(said(status, body).to_string()),
        429 => Verdict::Limited(head.retry_after(), said(status, body).to_string()),
        500 | 502 | 503 => Verdict::Trouble(said(status, body).to_string()),
        _ => {
            let error = said(status, body);
            let text = &error.cause().message;
            if TOO_MUCH.iter().any(|words| text.contains(words)) {
                Verdict::TooMuch(error.to_string())
            } else {
                Verdict::Refused(error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table() {
        let good = r#"{"schema":[{"name":"a","type":"Int32"}],"results":[{"a":1},{"a":2}]}"#;
        let full = format!(
            r#"{{"schema":[{{"name":"a","type":"Int32"}}],"results":[{}]}}"#,
            vec![r#"{"a":1}"#; 100_000].join(",")
        );
        let error = |code: &str, message: &str| format!(r#"{{"error":{{"code":"{code}","message":"{message}"}}}}"#);
        for (status, body, kind, text) in [
            (200, good.to_owned(), "rows", "2"),
            (200, full, "too much", "100000 rows"),
            (200, good[..good.len() - 3].to_owned(), "trouble", "cannot be read"),
            (
                400,
                error("BadRequest", "Query execution has exceeded the allowed result size. Optimize your query"),
                "too much",
                "BadRequest:",
            ),
            (400, error("BadRequest", "'x' on line [1,5]"), "refused", "line [1,5]"),
            (401, error("InvalidAuthenticationToken", "no"), "refused", "InvalidAuthenticationToken: no"),
            (403, error("Forbidden", "no"), "refused", "Forbidden: no"),
            (429, error("TooManyRequests", "45 calls"), "limited", "7 TooManyRequests: 45 calls"),
            (503, error("E", "busy"), "trouble", "E: busy"),
            (504, String::new(), "too much", "HTTP 504"),
        ] {
            let (found, said) = judge(&Head::of(status, &[("retry-after", "7")]), body.as_bytes()).told();
            assert!(found == kind && said.contains(text), "{status} {body:.90} is {found}: {said}");
        }
    }
}
