//! What an answer of Azure Resource Graph means. Pure.
//!
//! | answer | meaning |
//! |---|---|
//! | 200 | a page, which says itself whether it is all |
//! | 200 with `x-ms-tenant-subscription-limit-hit` | subscriptions are left out: people must name fewer |
//! | 400 with the detail `ResponsePayloadTooLarge`, 413 | more than 16 MiB: ask for less |
//! | 429 | wait as it says, by `Retry-After` or `x-ms-user-quota-resets-after` |
//! | 408, 500, 502, 503, 504, or a reply that broke off | try again |
//! | any other | nothing that we can mend: people must |
//!
//! Source: "Guidance for pagination" and "Guidance for throttled requests in Azure Resource Graph"; answers that users recorded (microsoft/ARI#199,
//! Azure/azure-cli-extensions#3325).

use super::reply::{self, Page};
use crate::query::rows::QueryError;
use crate::query::verdict::{Head, Verdict, said};

/// The code of [`Verdict::Refused`] where the service says in a header alone that it did not look everywhere.
pub(super) const TOO_MANY_SUBSCRIPTIONS: &str = "SubscriptionLimit";

/// Judges an answer: how it begins, and its body.
pub(super) fn judge(head: &Head, body: &[u8]) -> Verdict<Page> {
    let limit_hit = head.header("x-ms-tenant-subscription-limit-hit");
    match head.status {
        200 if limit_hit.is_some_and(|hit| hit.trim().eq_ignore_ascii_case("true")) => {
            let message =
                "the identity sees more than 10,000 subscriptions, and the answer is about the first ones alone";
            Verdict::Refused(QueryError::new(TOO_MANY_SUBSCRIPTIONS, message))
        }
        200 => match reply::page(body) {
            Ok(page) => Verdict::Reply(page),
            Err(error) => Verdict::Trouble(format!("the reply cannot be read: {error}")),
        },
        413 => Verdict::TooMuch(said(413, body).to_string()),
        429 => Verdict::Limited(head.retry_after(), said(429, body).to_string()),
        status @ (408 | 500 | 502 | 503 | 504) => Verdict::Trouble(said(status, body).to_string()),
        status => {
            let error = said(status, body);
            if error.cause().code == "ResponsePayloadTooLarge" {
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
        let good =
            r#"{"totalRecords":2,"count":2,"data":[{"id":"/a"},{"id":"/b"}],"facets":[],"resultTruncated":"false"}"#;
        let error = |code: &str, detail: &str, message: &str| {
            format!(
                r#"{{"error":{{"code":"{code}","message":"Please provide below info","details":[{{"code":"{detail}","message":"{message}"}}]}}}}"#
            )
        };
        let (retry, resets) = ([("retry-after", "7")], [("x-ms-user-quota-resets-after", "00:00:05")]);
        let limit = [("x-ms-tenant-subscription-limit-hit", "true")];
        for (status, headers, body, kind, text) in [
            (200, &[][..], good.to_owned(), "rows", "2"),
            (200, &limit, good.to_owned(), "refused", "SubscriptionLimit: the identity sees more than 10,000"),
            (200, &[("x-ms-tenant-subscription-limit-hit", "false")], good.to_owned(), "rows", "2"),
            (200, &[], good[..good.len() - 3].to_owned(), "trouble", "cannot be read"),
            (
                400,
                &[],
                error("BadRequest", "ResponsePayloadTooLarge", "Response payload size is 94330584"),
                "too much",
                "BadRequest: Response payload size is 94330584",
            ),
            (413, &[], String::new(), "too much", "HTTP 413"),
            (429, &retry, error("RateLimiting", "RateLimiting", "throttled"), "limited", "7 RateLimiting: throttled"),
            (429, &resets, error("RateLimiting", "RateLimiting", "throttled"), "limited", "5 RateLimiting: throttled"),
            (503, &[], error("E", "D", "busy"), "trouble", "E: busy"),
            (504, &[], String::new(), "trouble", "HTTP 504"),
            (403, &[], error("Forbidden", "AccessDenied", "no"), "refused", "Forbidden: no"),
            (400, &[], error("BadRequest", "InvalidQuery", "no"), "refused", "BadRequest: no"),
        ] {
            let (found, said) = judge(&Head::of(status, headers), body.as_bytes()).told_as(Page::came);
            assert!(found == kind && said.contains(text), "{status} {body:.90} is {found}: {said}");
        }
    }
}
