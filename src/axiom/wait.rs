//! How long Axiom asks us to wait. Pure.

use std::time::Duration;

use http::header::{HeaderMap, RETRY_AFTER};
use time::format_description::StaticFormatDescription;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

/// IMF-fixdate, the form of dates that HTTP servers send (RFC 9110, 5.6.7).
const HTTP_DATE: StaticFormatDescription =
    format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");

/// The wait that an answer names: `Retry-After`, in seconds or as a date (Axiom sends both forms), else the reset time of the limit that was reached,
/// in epoch seconds ("API limits"). `None` where it names none that makes sense; a time gone by is a wait of zero.
pub(super) fn asked_wait(headers: &HeaderMap, now: OffsetDateTime) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let until = |end: OffsetDateTime| Duration::try_from(end - now).unwrap_or_default();
    let retry_after = text(RETRY_AFTER.as_str()).and_then(|value| match value.parse::<u64>() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => PrimitiveDateTime::parse(value, HTTP_DATE).ok().map(|date| until(date.assume_utc())),
    });
    let reset = |name| text(name)?.parse().ok().and_then(|at| OffsetDateTime::from_unix_timestamp(at).ok()).map(until);
    // The monthly limit comes first: where both are there, the answer is a 430, and the minute's reset says nothing about it.
    retry_after.or_else(|| reset("x-ingestlimit-reset")).or_else(|| reset("x-ratelimit-reset"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::{HeaderName, HeaderValue};

    #[test]
    fn both_forms_of_retry_after_else_the_reset() {
        let now = OffsetDateTime::from_unix_timestamp(1_445_412_420).unwrap(); // Wed, 21 Oct 2015 07:27:00 GMT
        let check = |headers: &[(&str, &str)], expected: Option<u64>| {
            let map = headers
                .iter()
                .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap()))
                .collect();
            assert_eq!(asked_wait(&map, now), expected.map(Duration::from_secs), "{headers:?}");
        };
        check(&[], None);
        check(&[("Retry-After", "0")], Some(0));
        check(&[("Retry-After", " 120 ")], Some(120));
        check(&[("Retry-After", "Wed, 21 Oct 2015 07:28:00 GMT")], Some(60));
        check(&[("Retry-After", "Wed, 21 Oct 2015 07:26:00 GMT")], Some(0));
        check(&[("Retry-After", "soon")], None);
        check(&[("Retry-After", "-5")], None);
        check(&[("X-RateLimit-Reset", "1445412450")], Some(30));
        check(&[("X-RateLimit-Reset", "1445412000")], Some(0));
        check(&[("X-RateLimit-Reset", "999999999999999999")], None);
        check(&[("Retry-After", "soon"), ("X-RateLimit-Reset", "1445412450")], Some(30));
        check(&[("Retry-After", "7"), ("X-RateLimit-Reset", "1445412450")], Some(7));
        check(&[("X-IngestLimit-Reset", "1445412520"), ("X-RateLimit-Reset", "1445412450")], Some(100));
    }
}
