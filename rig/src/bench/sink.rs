//! An Axiom that costs next to nothing and believes nothing: each body is expanded and compared, byte for byte, with the blob it says it comes from.

use std::io;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::{HeaderMap, Method, Request, Response};
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
    /// Bodies that are not what stands in the blob at their offset.
    pub(super) wrong: u64,
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
        let (parts, body) = request.into_parts();
        if parts.method != Method::POST || !parts.uri.path().ends_with("/ingest") {
            return reply(404, &json!({"code": 404, "message": "only ingest is here"}));
        }
        let wire = body.collect().await.map_err(io::Error::other)?.to_bytes();
        let delay = *self.delay.lock().expect("no holder of this lock panics");
        tokio::time::sleep(delay).await;
        let Some((rows, bytes, right)) = check(storage, &parts.headers, &wire) else {
            return reply(400, &json!({"code": 400, "message": "not zstd, or no labels"}));
        };
        let mut arrived = self.arrived.lock().expect("no holder of this lock panics");
        arrived.rows += rows;
        arrived.bytes += bytes;
        arrived.wire_bytes += wire.len() as u64;
        arrived.requests += 1;
        arrived.wrong += u64::from(!right);
        drop(arrived);
        reply(
            200,
            &json!({"ingested": rows, "failed": 0, "failures": [], "processedBytes": bytes, "blocksCreated": 0, "walLength": 1}),
        )
    }
}

/// Rows and bytes of a body, and whether they are those of the blob.
fn check(storage: &Storage, headers: &HeaderMap, wire: &Bytes) -> Option<(u64, u64, bool)> {
    let labels: Value = serde_json::from_slice(headers.get("x-axiom-event-labels")?.as_bytes()).ok()?;
    let body = zstd::bulk::decompress(wire, LARGEST).ok()?;
    let offset = labels["source_offset"].as_u64().or_else(|| labels["source_offset"].as_str()?.parse().ok())?;
    let right = storage.matches(labels["source_blob"].as_str()?, offset, &body);
    Some((memchr::memchr_iter(b'\n', &body).count() as u64, body.len() as u64, right))
}

fn reply(status: u16, body: &Value) -> io::Result<Response<Body>> {
    let body = Full::from(body.to_string()).map_err(|never| match never {}).boxed();
    Response::builder().status(status).header("content-type", "application/json").body(body).map_err(io::Error::other)
}
