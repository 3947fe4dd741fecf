//! Answers of the stand-ins.

use std::io::Write as _;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Response;
use hyper::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, VARY, WWW_AUTHENTICATE};
use serde_json::Value as Json;

use crate::loopback::{Body, first_half};

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
    /// Seconds.
    pub(crate) retry_after: Option<u64>,
    /// How to come in, for who did not.
    pub(crate) authenticate: Option<String>,
    /// The connection breaks in the middle of the body.
    pub(crate) truncated: bool,
    pub(crate) gzip: bool,
    /// Further headers.
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl Reply {
    /// An answer in JSON.
    pub(crate) fn json(status: u16, body: &Json) -> Self {
        Self::raw(status, body.to_string())
    }

    /// An answer with any body.
    pub(crate) fn raw(status: u16, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            body: body.into(),
            retry_after: None,
            authenticate: None,
            truncated: false,
            gzip: false,
            headers: Vec::new(),
        }
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
        if let Some(challenge) = &self.authenticate {
            response = response.header(WWW_AUTHENTICATE, challenge);
        }
        if let Some(seconds) = self.retry_after {
            response = response.header(RETRY_AFTER, seconds);
        }
        for (name, value) in &self.headers {
            response = response.header(*name, value);
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

/// A random GUID.
pub(crate) fn guid() -> String {
    let hex = format!("{:032x}", fastrand::u128(..));
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}
