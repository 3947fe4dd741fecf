//! What an answer of Axiom means. Pure.
//!
//! | answer to an ingest request | meaning | [`Answer`] | what the delivery does |
//! |---|---|---|---|
//! | 200, nothing failed, ingested = sent | delivered | [`Accepted`](Answer::Accepted) | counts the rows |
//! | 200, failed > 0 or ingested differs from sent | some rows refused, and not said which | [`Partly`](Answer::Partly) | sets all rows aside, never sends them again |
//! | 200 that cannot be decoded; any other 2xx | outcome unknown | [`Unreadable`](Setback::Unreadable) | sends again, a few times, counted as repeats |
//! | 400 | a bad row, or a bad batch | [`BadRows`](Answer::BadRows) | halves until the bad row stands alone, sets it aside |
//! | 413 | too large | [`TooLarge`](Answer::TooLarge) | halves, remembers the smaller size |
//! | 404 | the dataset is missing | [`NoDataset`](Answer::NoDataset) | creates it where allowed, else stops |
//! | 401, 403, any other 4xx, 3xx | configuration | [`Configuration`](Setback::Configuration) | stops, everything is kept |
//! | 429, 430 | a limit (per minute, per month) | [`Limit`](Setback::Limit) | waits as the headers say |
//! | 408, 5xx | trouble | [`Trouble`](Setback::Trouble) | sends again with full jitter |
//!
//! Ingest has no idempotency key, and `failures` names neither index nor id (Axiom, "Ingest data" in the API reference). So success is only what is
//! proven to be one, and what is unknown counts as not delivered.

use std::time::Duration;

use http::StatusCode;
use http::header::{HeaderMap, LOCATION};
use serde::Deserialize;
use serde_json::value::RawValue;
use time::OffsetDateTime;

use super::text::{message_of, short};
use super::wait::asked_wait;

/// The wait after a monthly limit is reached, where the answer names none: short enough that a raised limit is noticed.
const MONTHLY_LIMIT_WAIT: Duration = Duration::from_secs(15 * 60);

/// What the answer to an ingest request means for the rows in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Every row is in Axiom.
    Accepted {
        /// What Axiom remarked all the same, such as fields that a locked schema dropped.
        warning: Option<String>,
    },
    /// Axiom took some of the rows, or none, and does not say which.
    Partly {
        /// Axiom's words about the first failure.
        reason: String,
        /// Whether it took none: then no row of the request is in Axiom.
        took_none: bool,
    },
    /// At least one row cannot be taken. None was.
    BadRows {
        /// Axiom's words.
        reason: String,
    },
    /// The request is too large. No row was taken.
    TooLarge {
        /// Axiom's words.
        reason: String,
    },
    /// There is no such dataset.
    NoDataset {
        /// Axiom's words.
        reason: String,
    },
    /// Nothing about the rows.
    Setback(Setback),
}

/// What keeps a request from being done, whatever is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setback {
    /// Only a change of settings or rights can help.
    Configuration {
        /// HTTP status.
        status: u16,
        /// Axiom's words.
        reason: String,
    },
    /// A limit is reached; no row was taken.
    Limit {
        /// HTTP status.
        status: u16,
        /// Axiom's words.
        reason: String,
        /// How long Axiom asks us to wait.
        wait: Option<Duration>,
    },
    /// It may work in a moment.
    Trouble {
        /// HTTP status.
        status: u16,
        /// Axiom's words.
        reason: String,
        /// What a `Retry-After` asks for.
        wait: Option<Duration>,
        /// Whether the rows may be in Axiom all the same.
        perhaps_taken: bool,
    },
    /// A success that cannot be read: the rows are most likely in Axiom.
    Unreadable {
        /// What is wrong with it.
        reason: String,
    },
}

/// Judges the answer to an ingest request of `rows` rows; `now` is for waits that end at a point in time.
#[must_use]
pub fn judge(status: StatusCode, headers: &HeaderMap, body: &[u8], rows: u64, now: OffsetDateTime) -> Answer {
    match status.as_u16() {
        200 => judge_success(body, rows),
        400 => Answer::BadRows { reason: message_of(body) },
        404 => Answer::NoDataset { reason: message_of(body) },
        413 => Answer::TooLarge { reason: message_of(body) },
        _ => Answer::Setback(setback(status, headers, body, now)),
    }
}

/// Judges the answer to the creation of a dataset.
///
/// # Errors
/// What kept it from being created. A dataset that exists already (409) is what was asked for.
pub fn judge_creation(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    now: OffsetDateTime,
) -> Result<(), Setback> {
    match status.as_u16() {
        200 | 201 | 409 => Ok(()),
        _ => Err(setback(status, headers, body, now)),
    }
}

/// Judges the answer to a query.
///
/// # Errors
/// What kept it from being answered.
pub fn judge_query(status: StatusCode, headers: &HeaderMap, body: &[u8], now: OffsetDateTime) -> Result<(), Setback> {
    if status == StatusCode::OK { Ok(()) } else { Err(setback(status, headers, body, now)) }
}

fn judge_success(body: &[u8], rows: u64) -> Answer {
    // The lists are kept raw: whatever they hold, the counts decide. An answer that we call unreadable sends rows twice.
    #[derive(Deserialize)]
    struct Status<'a> {
        ingested: u64,
        failed: u64,
        #[serde(borrow)]
        failures: Option<&'a RawValue>,
        #[serde(borrow)]
        messages: Option<&'a RawValue>,
    }
    match serde_json::from_slice::<Status<'_>>(body) {
        // The outcome is unknown, so the rows count as not delivered: rather twice than never.
        Err(error) => Answer::Setback(Setback::Unreadable { reason: format!("{error}: {}", message_of(body)) }),
        Ok(Status { ingested, failed: 0, messages, .. }) if ingested == rows => {
            Answer::Accepted { warning: messages.and_then(|list| first_text(list.get())) }
        }
        Ok(Status { ingested, failed, failures, .. }) => {
            let first =
                failures.and_then(|list| first_text(list.get())).unwrap_or_else(|| "no reason given".to_owned());
            let reason = format!("Axiom took {ingested} of {rows} rows and refused {failed}; first failure: {first}");
            Answer::Partly { reason, took_none: ingested == 0 && failed == rows }
        }
    }
}

/// The text of the first failure (`error`) or message (`msg` in API v1, `message` in v2) of a list.
fn first_text(list: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Entry {
        #[serde(alias = "msg", alias = "message")]
        error: String,
    }
    let entries: Vec<Entry> = serde_json::from_str(list).ok()?;
    entries.first().map(|entry| short(&entry.error))
}

/// What an answer that is no success means, whatever was asked.
pub(super) fn setback(status: StatusCode, headers: &HeaderMap, body: &[u8], now: OffsetDateTime) -> Setback {
    let reason = message_of(body);
    let wait = asked_wait(headers, now);
    match status.as_u16() {
        code @ 200..300 => {
            Setback::Unreadable { reason: format!("status {code} where only 200 is a success: {reason}") }
        }
        status @ 300..400 => {
            let target = headers.get(LOCATION).map_or("nowhere".into(), |url| String::from_utf8_lossy(url.as_bytes()));
            Setback::Configuration { status, reason: format!("redirect to {}", short(&target)) }
        }
        // 430 is Axiom's own: the monthly ingest limit (official Go client, `limit.go`).
        status @ 430 => Setback::Limit { status, reason, wait: Some(wait.unwrap_or(MONTHLY_LIMIT_WAIT)) },
        status @ 429 => Setback::Limit { status, reason, wait },
        // A server that gives up waiting for the request has not read all of it.
        status @ 408 => Setback::Trouble { status, reason, wait, perhaps_taken: false },
        status @ 400..500 => Setback::Configuration { status, reason },
        // Also 503: proxies send it for a connection that broke after the request was passed on.
        status => Setback::Trouble { status, reason, wait, perhaps_taken: true },
    }
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
