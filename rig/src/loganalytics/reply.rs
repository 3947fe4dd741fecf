//! Answers, and the service's words for refusals.

use std::io::Write as _;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Response;
use hyper::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, VARY};
use serde_json::{Value as Json, json};

use super::error::QueryError;
use crate::loopback::{Body, first_half};

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
    /// Seconds.
    pub(crate) retry_after: Option<u64>,
    /// The connection breaks in the middle of the body.
    pub(crate) truncated: bool,
    pub(crate) gzip: bool,
}

impl Reply {
    /// An answer in JSON.
    pub(crate) fn json(status: u16, body: &Json) -> Self {
        Self::raw(status, body.to_string())
    }

    /// An answer with any body.
    pub(crate) fn raw(status: u16, body: impl Into<Bytes>) -> Self {
        Self { status, body: body.into(), retry_after: None, truncated: false, gzip: false }
    }

    /// A refusal.
    pub(crate) fn error(status: u16, code: &str, message: &str) -> Self {
        Self::json(status, &json!({"error": {"message": message, "code": code, "correlationId": guid()}}))
    }

    /// 429.
    pub(crate) fn throttled(message: &str, retry_after: u64) -> Self {
        Self { retry_after: Some(retry_after), ..Self::error(429, "ThrottledError", message) }
    }

    /// 504, as recorded.
    pub(crate) fn gateway_timeout() -> Self {
        let inner = json!({
            "code": "GatewayTimeout", "message": "Connection error",
            "statusDetails": {"code": "ESOCKETTIMEDOUT", "connect": false},
        });
        let error = json!({"message": "Gateway timeout", "code": "GatewayTimeout", "correlationId": guid(), "innererror": inner});
        Self::json(504, &json!({"error": error}))
    }

    /// The same, compressed.
    pub(crate) fn gzip(self) -> Self {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&self.body).expect("write to memory");
        let body = encoder.finish().expect("write to memory").into();
        Self { body, gzip: true, ..self }
    }

    /// The HTTP response.
    pub(crate) fn finish(self) -> Response<Body> {
        let mut response = Response::builder().status(self.status);
        if !self.body.is_empty() {
            response = response.header(CONTENT_TYPE, "application/json; charset=utf-8").header(VARY, "Accept-Encoding");
        }
        if self.gzip {
            response = response.header(CONTENT_ENCODING, "gzip");
        }
        if let Some(seconds) = self.retry_after {
            response = response.header(RETRY_AFTER, seconds);
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

impl From<QueryError> for Reply {
    fn from(error: QueryError) -> Self {
        let inner = error.inner();
        let message = "The request had some invalid properties";
        let error =
            json!({"message": message, "code": "BadArgumentError", "correlationId": guid(), "innererror": inner});
        Self::json(400, &json!({"error": error}))
    }
}

/// A random GUID.
pub(crate) fn guid() -> String {
    let hex = format!("{:032x}", fastrand::u128(..));
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}
