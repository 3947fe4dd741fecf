//! What the program tells of itself in a dataset of its own, if one is set: a row for each visit that did something, and one for each sweep.
//!
//! It is told with the invocation that it is about, and no longer tried than a moment: telemetry never keeps rows waiting. Rows that are lost so change no
//! count that matters: what was delivered of each blob is written down elsewhere, before the blob goes.

use std::time::Duration;

use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::time::Instant;

use crate::report::chain;
use crate::send;
use crate::ship::Flow;
use crate::source::sweep::Found;

/// How long it is tried to tell.
const TRIES: Duration = Duration::from_secs(5);

/// The dataset for telemetry.
#[derive(Debug, Clone)]
pub struct Telemetry {
    dataset: Option<String>,
    instance: String,
}

impl Telemetry {
    /// Tells into this dataset; without one nothing is told.
    #[must_use]
    pub fn new(dataset: Option<String>) -> Self {
        Self { dataset, instance: format!("{:016x}", fastrand::u64(..)) }
    }

    /// Tells these events.
    pub async fn tell(&self, flow: &Flow, events: impl IntoIterator<Item = Map<String, Value>>) {
        let Some(dataset) = &self.dataset else { return };
        let mut lines = Vec::new();
        for mut event in events {
            event.insert("service.instance.id".to_owned(), self.instance.clone().into());
            serde_json::to_writer(&mut lines, &event).expect("writing to memory");
            lines.push(b'\n');
        }
        if lines.is_empty() || flow.axiom.paused().is_some() {
            return;
        }
        let sent = send::send_until(flow, dataset, ("telemetry", 0), &lines, Instant::now() + TRIES).await;
        if let Some(error) = sent.error {
            tracing::warn!(dataset, error = chain(&error), "telemetry is not told");
        }
    }
}

/// An event of this name that happened now.
#[must_use]
pub fn event(name: &str) -> Map<String, Value> {
    let now = OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default();
    let members = [
        ("_time", now.as_str()),
        ("service.name", env!("CARGO_PKG_NAME")),
        ("service.version", env!("CARGO_PKG_VERSION")),
        ("event.name", name),
    ];
    members.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect()
}

/// What a sweep found.
#[must_use]
pub fn swept(found: &Found) -> Map<String, Value> {
    let mut event = event("sweep");
    let oldest = found.work.first().map(|work| (OffsetDateTime::now_utc() - work.blob.folder_time()).whole_seconds());
    let counts = [
        ("blobs", Some(found.blobs)),
        ("waiting_blobs", Some(found.waiting)),
        ("waiting_bytes", Some(found.waiting_bytes)),
        ("oldest_seconds", oldest.and_then(|seconds| u64::try_from(seconds).ok())),
        ("failed_containers", Some(found.failed.len() as u64)),
    ];
    event.extend(counts.into_iter().filter_map(|(name, count)| Some((name.to_owned(), count?.into()))));
    event
}
