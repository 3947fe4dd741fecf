//! Messages and envelopes, made by hand; and what every answer of the handler must be, whatever it says.

use rig::host::{Host, InvocationResult};
use serde_json::{Value, json};

use super::{CONTAINER, World};

pub const BLOB_TRIGGER: &str = "function-blob-trigger";
pub const SWEEP: &str = "function-sweep";

/// An event in the Event Grid schema ("Azure Blob Storage as an Event Grid source") that names this address.
pub fn event_grid(url: &str) -> Value {
    json!({
        "topic": "/subscriptions/0/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/export",
        "subject": "/blobServices/default/containers/says-nothing/blobs/x",
        "eventType": "Microsoft.Storage.BlobCreated",
        "id": "831e1650-001e-001b-66ab-eeb76e069631",
        "data": {"api": "PutBlob", "contentLength": 0, "blobType": "AppendBlob", "url": url, "eTag": "0x8D4BCC2E4835CD0"},
        "dataVersion": "",
        "metadataVersion": "1",
        "eventTime": "2026-11-24T10:00:00.1234567Z",
    })
}

/// The same in the CloudEvents 1.0 schema.
pub fn cloud_event(url: &str) -> Value {
    let event = event_grid(url);
    json!({
        "specversion": "1.0",
        "type": event["eventType"],
        "source": event["topic"],
        "id": event["id"],
        "time": event["eventTime"],
        "subject": event["subject"],
        "data": event["data"],
    })
}

/// The program's own message.
pub fn small_message(name: &str) -> Value {
    json!({"container": CONTAINER, "blob": name, "offset": 0})
}

/// The body in which the host sends this value of the binding `event`.
pub fn envelope(value: &Value) -> String {
    json!({"Data": {"event": value}, "Metadata": {"DequeueCount": "1"}}).to_string()
}

/// The body for a message with this text: a JSON string literal in a JSON string, as the host was seen to send it.
pub fn queue_envelope(text: &str) -> String {
    envelope(&json!(json!(text).to_string()))
}

impl World {
    /// The address of a blob, as an event names it.
    pub fn blob_url(&self, container: &str, name: &str) -> String {
        let endpoint = self.blobs.endpoint();
        format!("{}/{container}/{}", endpoint.as_str().trim_end_matches('/'), name.replace('=', "%3D"))
    }
}

/// Invokes, and sees that the answer is one that the host can take: JSON with its content type, an object, not empty.
pub async fn invoke(host: &Host, function: &str, body: &str) -> (u16, Value) {
    let InvocationResult { verdict, answer, .. } = host.invoke(function, body).await;
    let answer = answer.unwrap_or_else(|| panic!("no answer to {body}: {verdict:?}"));
    assert_eq!(answer.content_type.as_deref(), Some("application/json"), "{body}: {answer:?}");
    let json: Value = serde_json::from_slice(&answer.body).unwrap_or_else(|error| panic!("{error}: {answer:?}"));
    assert!(json.as_object().is_some_and(|members| !members.is_empty()), "{body}: {json}");
    (answer.status, json)
}
