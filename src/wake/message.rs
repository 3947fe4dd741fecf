//! Our own small message: what the sweep puts on the work queue.

use super::Hint;
use super::export_blob::ExportBlob;
use super::reject::Reject;
use serde::{Deserialize, Serialize};

/// A blob to look at, and from which byte on. Text on the queue: `{"container":"am-...","blob":"WorkspaceResourceId=...","offset":123}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SmallMessage {
    /// Name of the container.
    pub container: String,
    /// Name of the blob.
    pub blob: String,
    /// Bytes that the sweep saw as shipped.
    #[serde(default)]
    pub offset: u64,
}

impl SmallMessage {
    /// The message for this blob.
    pub fn new(blob: &ExportBlob, offset: u64) -> Self {
        Self { container: blob.container().to_owned(), blob: blob.name().to_owned(), offset }
    }

    /// Its JSON text, one line.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("two strings and a number are always JSON")
    }

    /// Checks the names: anyone who may write to the queue could have sent this.
    ///
    /// # Errors
    /// As [`ExportBlob::parse`].
    pub fn to_hint(&self) -> Result<Hint, Reject> {
        Ok(Hint { blob: ExportBlob::parse(&self.container, &self.blob)?, offset: self.offset })
    }
}
