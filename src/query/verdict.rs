//! What an answer means, whoever gives it; and the error that it names. Pure.

use std::time::Duration;

use http::HeaderMap;
use http::header::{DATE, RETRY_AFTER};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use super::rows::QueryError;
use super::window::Ticks;

/// Judges an answer: how it begins, and its body.
pub(crate) type Judge<T> = fn(&Head, &[u8]) -> Verdict<T>;

/// How an answer begins.
#[derive(Debug, Clone, Default)]
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
}

impl Head {
    /// A header's text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// How long the service asks to be left alone: `Retry-After`, or what Resource Graph says in its place.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        let seconds = self.header(RETRY_AFTER.as_str()).and_then(|text| text.trim().parse().ok());
        seconds.map(Duration::from_secs).or_else(|| self.quota_resets_after())
    }

    /// How long a quota is spent that is spent now ("Guidance for throttled requests in Azure Resource Graph").
    pub(crate) fn spent(&self) -> Option<Duration> {
        let left = self.header("x-ms-user-quota-remaining")?.trim();
        self.quota_resets_after().filter(|_| left == "0")
    }

    /// `hh:mm:ss`.
    fn quota_resets_after(&self) -> Option<Duration> {
        let parts = self.header("x-ms-user-quota-resets-after")?.trim().split(':').map(str::parse::<u32>);
        let [hours, minutes, seconds] = parts.collect::<Result<Vec<_>, _>>().ok()?[..] else { return None };
        Some(Duration::from_secs(u64::from(hours) * 3600 + u64::from(minutes) * 60 + u64::from(seconds)))
    }

    /// The service's clock when it answered, to the second.
    pub(crate) fn served(&self) -> Option<Ticks> {
        OffsetDateTime::parse(self.header(DATE.as_str())?, &Rfc2822).ok().map(Ticks::of)
    }
}

/// What to do about an answer.
#[derive(Debug)]
pub(crate) enum Verdict<T> {
    Reply(T),
    /// The reply would be too large, or would take too long.
    TooMuch(String),
    /// Later, and when.
    Limited(Option<Duration>, String),
    /// Once more.
    Trouble(String),
    Refused(QueryError),
}

/// The error in the body, or what little there is to say.
pub(crate) fn said(status: u16, body: &[u8]) -> QueryError {
    #[derive(serde::Deserialize)]
    struct Body {
        error: QueryError,
    }
    match serde_json::from_slice::<Body>(body) {
        Ok(Body { error }) => error,
        Err(_) => {
            let text: String = String::from_utf8_lossy(body).chars().filter(|c| !c.is_control()).take(200).collect();
            QueryError::new(&format!("HTTP {status}"), &text)
        }
    }
}

#[cfg(test)]
impl Head {
    /// One with these headers.
    pub(crate) fn of(status: u16, headers: &[(&'static str, &'static str)]) -> Self {
        let named = |(name, value): &(&'static str, &'static str)| {
            (http::HeaderName::from_static(name), http::HeaderValue::from_static(value))
        };
        Self { status, headers: headers.iter().map(named).collect() }
    }
}

#[cfg(test)]
impl Verdict<super::rows::Rows> {
    /// Its kind and what it says, for tables of tests.
    pub(crate) fn told(&self) -> (&'static str, String) {
        self.told_as(|rows| rows.count)
    }
}

#[cfg(test)]
impl<T> Verdict<T> {
    /// The same for other replies, of which `rows` tells how many rows there are.
    pub(crate) fn told_as(&self, rows: impl Fn(&T) -> u64) -> (&'static str, String) {
        match self {
            Self::Reply(reply) => ("rows", rows(reply).to_string()),
            Self::TooMuch(text) => ("too much", text.clone()),
            Self::Limited(wait, text) => ("limited", format!("{} {text}", wait.unwrap_or_default().as_secs())),
            Self::Trouble(text) => ("trouble", text.clone()),
            Self::Refused(error) => ("refused", error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_that_are_asked_for() {
        let check = |headers: &[(&'static str, &'static str)], retry: Option<u64>, spent: Option<u64>| {
            let head = Head::of(429, headers);
            let wanted = (retry.map(Duration::from_secs), spent.map(Duration::from_secs));
            assert_eq!((head.retry_after(), head.spent()), wanted, "{headers:?}");
        };
        let (remaining, resets) = ("x-ms-user-quota-remaining", "x-ms-user-quota-resets-after");
        check(&[], None, None);
        check(&[("retry-after", " 7 ")], Some(7), None);
        check(&[(resets, "00:00:05"), (remaining, "3")], Some(5), None);
        check(&[(resets, "01:02:03"), (remaining, "0")], Some(3723), Some(3723));
        check(&[(resets, "00:00:05"), ("retry-after", "2")], Some(2), None);
        check(&[(resets, "soon"), (remaining, "0")], None, None);
        check(&[(resets, "00:05"), ("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT")], None, None);
    }

    #[test]
    fn the_clock_of_the_service() {
        let head = Head::of(200, &[("date", "Thu, 01 Jan 1970 00:00:02 GMT")]);
        assert_eq!(head.served(), Some(Ticks(2 * crate::query::window::SECOND)));
        assert_eq!(Head::of(200, &[("date", "now")]).served(), None);
    }
}
