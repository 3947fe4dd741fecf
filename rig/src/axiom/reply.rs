//! Answers, and the headers that Axiom puts on each of them.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Response;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::format_description;

use super::fault::{ErrorBody, Refusal, RetryAfter};
use crate::loopback::{Body, first_half};

/// An answer before the common headers are on it.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    content_type: &'static str,
    body: Bytes,
    /// Headers of its own.
    headers: Vec<(&'static str, String)>,
    /// Seconds until the limits' reset; without it no limit headers are sent.
    reset_in: Option<u64>,
    /// The connection breaks in the middle of the body.
    truncated: bool,
}

impl Reply {
    /// A JSON answer.
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::raw(status, "application/json", body.to_string())
    }

    /// An answer with any body.
    pub(crate) fn raw(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        Self { status, content_type, body, headers: Vec::new(), reset_in: Some(60), truncated: false }
    }

    /// The same, with a connection that breaks in the middle of the body.
    pub(crate) fn truncated(self) -> Self {
        Self { truncated: true, ..self }
    }

    /// The same with one more header.
    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The HTTP response; `limit` and `remaining` are requests in this minute.
    pub(crate) fn finish(self, limit: u64, remaining: u64) -> Response<Body> {
        let mut response = Response::builder().status(self.status);
        if !self.content_type.is_empty() {
            response = response.header(CONTENT_TYPE, self.content_type);
        }
        response = response.header("X-Axiom-Trace-Id", format!("{:032x}", fastrand::u128(..)));
        for (name, value) in self.headers {
            response = response.header(name, value);
        }
        if let Some(seconds) = self.reset_in {
            let reset = in_seconds(seconds).unix_timestamp();
            let remaining = if self.status == 429 { 0 } else { remaining };
            response = response
                .header("X-RateLimit-Scope", "organization")
                .header("X-RateLimit-Limit", limit)
                .header("X-RateLimit-Remaining", remaining)
                .header("X-RateLimit-Reset", reset);
            if self.status == 430 {
                response = response
                    .header("X-IngestLimit-Limit", 500_000_000_000_u64)
                    .header("X-IngestLimit-Remaining", 0)
                    .header("X-IngestLimit-Reset", reset);
            }
        }
        let body = if self.truncated {
            response = response.header(CONTENT_LENGTH, self.body.len());
            first_half(&self.body)
        } else {
            Full::new(self.body).map_err(|never| match never {}).boxed()
        };
        response.body(body).expect("all names and values are made of visible ASCII")
    }
}

impl From<Refusal> for Reply {
    fn from(refusal: Refusal) -> Self {
        let (status, message) = (refusal.status, refusal.message);
        let mut reply = match refusal.body {
            ErrorBody::Json => Self::json(status, &json!({"code": status, "message": message})),
            ErrorBody::Text => Self::raw(status, "text/plain; charset=utf-8", message),
            ErrorBody::Html => Self::raw(status, "text/html", format!("<html><body><h1>{message}</h1></body></html>")),
            ErrorBody::Empty => Self::raw(status, "", ""),
        };
        reply.reset_in = refusal.reset_in;
        if let Some(wait) = refusal.retry_after {
            reply = reply.header("Retry-After", retry_after(wait));
        }
        match refusal.location {
            Some(location) => reply.header("Location", location),
            None => reply,
        }
    }
}

fn retry_after(wait: RetryAfter) -> String {
    match wait {
        RetryAfter::Seconds(seconds) => seconds.to_string(),
        RetryAfter::Date(seconds) => http_date(in_seconds(seconds)),
    }
}

/// The date form of RFC 9110: `Sun, 06 Nov 1994 08:49:37 GMT`.
pub(crate) fn http_date(time: OffsetDateTime) -> String {
    let form =
        format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");
    time.format(&form).expect("a UTC time has all these parts")
}

fn in_seconds(seconds: u64) -> OffsetDateTime {
    OffsetDateTime::now_utc() + Duration::from_secs(seconds)
}
