//! An Axiom that costs next to nothing and believes nothing: each body is expanded and compared, byte for byte, with the blob it says it comes from.
//! Of bodies that name no blob, as those of other clients, the rows are counted.

use std::io::{self, Read as _};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use flate2::read::GzDecoder;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE};
use hyper::{HeaderMap, Method, Request, Response};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::storage::Storage;
use crate::loopback::Body;

/// Most bytes of a body, expanded.
const LARGEST: usize = 64 << 20;

/// What has arrived.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Arrived {
    /// Rows.
    pub(super) rows: u64,
    /// Bytes of rows.
    pub(super) bytes: u64,
    /// Bytes on the wire.
    pub(super) wire_bytes: u64,
    /// Requests.
    pub(super) requests: u64,
    /// Bodies that name a blob, and were compared with it.
    pub(super) compared: u64,
    /// Of these, the bodies that are not what stands in the blob at their offset.
    pub(super) wrong: u64,
    /// Time that requests were open here, all together.
    pub(super) open: Duration,
}

/// An Axiom for ingest only.
#[derive(Default)]
pub(super) struct Sink {
    arrived: Mutex<Arrived>,
    /// Added to each answer.
    delay: Mutex<Duration>,
}

impl Sink {
    /// What has arrived since the last call.
    pub(super) fn take(&self) -> Arrived {
        std::mem::take(&mut self.arrived.lock().expect("no holder of this lock panics"))
    }

    /// Adds this to the time of each request.
    pub(super) fn delay(&self, delay: Duration) {
        *self.delay.lock().expect("no holder of this lock panics") = delay;
    }

    pub(super) async fn serve(&self, storage: &Storage, request: Request<Incoming>) -> io::Result<Response<Body>> {
        let began = Instant::now();
        let (parts, body) = request.into_parts();
        if parts.method != Method::POST || !is_ingest(parts.uri.path()) {
            return reply(404, &json!({"code": 404, "message": "only ingest is here"}));
        }
        let wire = body.collect().await.map_err(io::Error::other)?.to_bytes();
        let delay = *self.delay.lock().expect("no holder of this lock panics");
        tokio::time::sleep(delay).await;
        let Some(body) = check(storage, &parts.headers, &wire) else {
            return reply(400, &json!({"code": 400, "message": "not rows in an encoding of Axiom's"}));
        };
        let open = began.elapsed();
        self.arrived.lock().expect("no holder of this lock panics").add(Arrived { open, ..body });
        reply(
            200,
            &json!({
                "ingested": body.rows,
                "failed": 0,
                "failures": [],
                "processedBytes": body.bytes,
                "blocksCreated": 0,
                "walLength": 1,
            }),
        )
    }
}

impl Arrived {
    fn add(&mut self, more: Self) {
        self.rows += more.rows;
        self.bytes += more.bytes;
        self.wire_bytes += more.wire_bytes;
        self.requests += more.requests;
        self.compared += more.compared;
        self.wrong += more.wrong;
        self.open += more.open;
    }
}

/// Both doors: the API's and an edge's.
fn is_ingest(path: &str) -> bool {
    path.starts_with("/v1/ingest/") || (path.starts_with("/v1/datasets/") && path.ends_with("/ingest"))
}

/// One body as it counts, or nothing if Axiom would refuse it.
fn check(storage: &Storage, headers: &HeaderMap, wire: &[u8]) -> Option<Arrived> {
    let body = expand(headers, wire)?;
    let (bytes, wire_bytes) = (body.len() as u64, wire.len() as u64);
    let arrived = Arrived { bytes, wire_bytes, requests: 1, ..Arrived::default() };
    let Some(labels) = headers.get("x-axiom-event-labels") else {
        return Some(Arrived { rows: count(headers, &body)?, ..arrived });
    };
    let labels: Value = serde_json::from_slice(labels.as_bytes()).ok()?;
    let offset = labels["source_offset"].as_u64().or_else(|| labels["source_offset"].as_str()?.parse().ok())?;
    let right = storage.matches(labels["source_blob"].as_str()?, offset, &body);
    let rows = memchr::memchr_iter(b'\n', &body).count() as u64;
    Some(Arrived { rows, compared: 1, wrong: u64::from(!right), ..arrived })
}

fn expand(headers: &HeaderMap, wire: &[u8]) -> Option<Vec<u8>> {
    match headers.get(CONTENT_ENCODING).map_or(&b""[..], |encoding| encoding.as_bytes()) {
        b"zstd" => zstd::bulk::decompress(wire, LARGEST).ok(),
        b"gzip" => {
            let mut body = Vec::new();
            GzDecoder::new(wire).take(LARGEST as u64).read_to_end(&mut body).ok()?;
            Some(body)
        }
        b"" | b"identity" => Some(wire.to_vec()),
        _ => None,
    }
}

/// Rows of a JSON array or of lines of JSON.
fn count(headers: &HeaderMap, body: &[u8]) -> Option<u64> {
    if headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/json")) {
        return Some(serde_json::from_slice::<Vec<&RawValue>>(body).ok()?.len() as u64);
    }
    let mut rows = serde_json::Deserializer::from_slice(body).into_iter::<&RawValue>();
    rows.try_fold(0, |rows, row| row.map(|_| rows + 1)).ok()
}

fn reply(status: u16, body: &Value) -> io::Result<Response<Body>> {
    let body = Full::from(body.to_string()).map_err(|never| match never {}).boxed();
    Response::builder().status(status).header("content-type", "application/json").body(body).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    #[test]
    fn rows_of_other_clients_are_counted() {
        let gzip = |text: &str| {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(text.as_bytes()).unwrap();
            encoder.finish().unwrap()
        };
        let check = |kind: &'static str, encoding: &'static str, wire: &[u8], rows: Option<u64>| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, kind.parse().unwrap());
            headers.insert(CONTENT_ENCODING, encoding.parse().unwrap());
            let body = check(&Storage::default(), &headers, wire);
            assert_eq!(body.map(|body| body.rows), rows, "{kind} {encoding}");
            assert!(body.is_none_or(|body| (body.compared, body.wire_bytes) == (0, wire.len() as u64)));
        };
        let (lines, array) = ("{\"a\":1}\n{\"a\":2}", "[{\"a\":1},{\"a\":2},{\"a\":3}]");
        check("application/x-ndjson", "gzip", &gzip(lines), Some(2));
        check("application/x-ndjson", "", format!("{lines}\n").as_bytes(), Some(2));
        check("application/json", "gzip", &gzip(array), Some(3));
        check("application/json", "identity", array.as_bytes(), Some(3));
        check("application/x-ndjson", "gzip", &gzip("{\"a\":"), None);
        check("application/x-ndjson", "br", lines.as_bytes(), None);
        assert!(
            is_ingest("/v1/ingest/logs") && is_ingest("/v1/datasets/logs/ingest") && !is_ingest("/v1/datasets/logs")
        );
    }
}
