//! BlobCreated events, raised as a storage account with an Event Grid subscription to a storage queue raises them: one event object a
//! message, in base64, once when the blob is created (length 0) and never for an append.
//!
//! Source: Microsoft, "Azure Blob Storage as an Event Grid source" and "Storage queue as an event handler"; the values of an append
//! blob's event as received in practice.

use std::sync::Mutex;
use std::time::Duration;

use anyhow::Context as _;
use fastrand::Rng;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::rest::RestStorage;

/// How the events are delivered. The default is each once, at once, in Event Grid's own schema.
#[derive(Debug, Clone, Default)]
pub struct Delivery {
    /// CloudEvents 1.0 in place of the Event Grid schema.
    pub cloud_events: bool,
    /// Share of the events that never arrive, 0 to 1.
    pub dropped: f64,
    /// Share of the events that arrive twice, 0 to 1.
    pub repeated: f64,
    /// Share of the events that are held back and arrive after later ones, 0 to 1.
    pub delayed: f64,
}

/// How long a delivery is tried.
const PATIENCE: Duration = Duration::from_secs(60);

/// The way from the storage account to the work queue.
pub(super) struct Events {
    /// Where the blobs are.
    from: RestStorage,
    /// Where the queue is.
    to: RestStorage,
    queue: String,
    delivery: Delivery,
    rng: Mutex<Rng>,
    held: Mutex<Vec<String>>,
}

impl Events {
    pub(super) fn new(from: &RestStorage, to: RestStorage, queue: &str, delivery: Delivery, seed: u64) -> Self {
        let rng = Mutex::new(Rng::with_seed(seed));
        Events { from: from.clone(), to, queue: queue.to_owned(), delivery, rng, held: Mutex::default() }
    }

    /// Raises the event of a blob that was just created.
    pub(super) async fn raise(&self, container: &str, name: &str, etag: &str) -> anyhow::Result<()> {
        let url = self.from.plain_url(container, name);
        let (message, copies, delayed) = {
            let mut rng = self.rng.lock().expect("no holder of this lock panics");
            let event = blob_created(&mut rng, container, name, url.as_str(), etag, OffsetDateTime::now_utc())?;
            let event = if self.delivery.cloud_events { as_cloud_event(event) } else { event };
            let copies = match rng.f64() {
                chance if chance < self.delivery.dropped => 0,
                chance if chance < self.delivery.dropped + self.delivery.repeated => 2,
                _ => 1,
            };
            (event.to_string(), copies, rng.f64() < self.delivery.delayed)
        };
        if delayed {
            let mut held = self.held.lock().expect("no holder of this lock panics");
            held.extend(std::iter::repeat_n(message, copies));
            return Ok(());
        }
        for _ in 0..copies {
            self.deliver(&message).await?;
        }
        let overdue = self.held.lock().expect("no holder of this lock panics").pop();
        match overdue {
            Some(message) => self.deliver(&message).await,
            None => Ok(()),
        }
    }

    /// Delivers what is still held back, the newest first.
    pub(super) async fn flush(&self) -> anyhow::Result<()> {
        let mut held = std::mem::take(&mut *self.held.lock().expect("no holder of this lock panics"));
        while let Some(message) = held.pop() {
            self.deliver(&message).await?;
        }
        Ok(())
    }

    /// Event Grid delivers at least once: a try without an answer is made again.
    async fn deliver(&self, message: &str) -> anyhow::Result<()> {
        let started = tokio::time::Instant::now();
        loop {
            match self.to.send(&self.queue, message).await {
                Err(_) if started.elapsed() < PATIENCE => tokio::time::sleep(Duration::from_millis(200)).await,
                outcome => return outcome,
            }
        }
    }
}

/// The event of an append blob that was created empty, in the Event Grid schema.
fn blob_created(
    rng: &mut Rng,
    container: &str,
    name: &str,
    url: &str,
    etag: &str,
    now: OffsetDateTime,
) -> anyhow::Result<Value> {
    let id = format!("{:08x}-{:04x}-{:04x}-{:04x}", rng.u32(..), rng.u16(..), rng.u16(..), rng.u16(..));
    Ok(json!({
        "topic": "/subscriptions/6a1d5c5e-9c0e-4f3a-8b6f-0d9a7f2b1c11/resourceGroups/rg-security/providers/Microsoft.Storage/storageAccounts/export",
        "subject": format!("/blobServices/default/containers/{container}/blobs/{name}"),
        "eventType": "Microsoft.Storage.BlobCreated",
        "id": format!("{id}-{:012x}", rng.u64(..) >> 16),
        "data": {
            "api": "PutBlob",
            "requestId": format!("{id}-000000000000"),
            "eTag": etag.trim_matches('"'),
            "contentType": "application/octet-stream",
            "contentLength": 0,
            "blobType": "AppendBlob",
            "url": url,
            "sequencer": format!("{:032x}{:016x}", rng.u32(..), now.unix_timestamp()),
            "storageDiagnostics": { "batchId": format!("{id}-{:012x}", rng.u64(..) >> 16) },
        },
        "dataVersion": "",
        "metadataVersion": "1",
        "eventTime": now.format(&Rfc3339).context("write the event's time")?,
    }))
}

/// The same event in the CloudEvents 1.0 schema.
fn as_cloud_event(event: Value) -> Value {
    json!({
        "specversion": "1.0",
        "source": event["topic"],
        "subject": event["subject"],
        "type": event["eventType"],
        "time": event["eventTime"],
        "id": event["id"],
        "data": event["data"],
    })
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn an_event_says_where_the_empty_append_blob_is() {
        let url = "http://127.0.0.1:1/account/am-syslog/a=b/PT05M.json";
        let now = datetime!(2026-11-25 08:05:00.1234567 UTC);
        let event = blob_created(&mut Rng::with_seed(1), "am-syslog", "a=b/PT05M.json", url, "\"0x8D\"", now).unwrap();
        assert_eq!(event["subject"], "/blobServices/default/containers/am-syslog/blobs/a=b/PT05M.json");
        assert_eq!(event["eventTime"], "2026-11-25T08:05:00.1234567Z");
        assert_eq!((&event["data"]["eTag"], &event["data"]["contentLength"]), (&json!("0x8D"), &json!(0)));
        let cloud = as_cloud_event(event.clone());
        assert_eq!(cloud["type"], "Microsoft.Storage.BlobCreated");
        assert_eq!((&cloud["data"], &cloud["id"]), (&event["data"], &event["id"]));
    }
}
