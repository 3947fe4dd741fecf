//! What tests do to an export blob behind the program's back, and what they see of it.

use futures::{StreamExt as _, TryStreamExt as _};
use rig::axiom::Options;
use rig::writer::Kind;
use sentinel_axiom::azure::Version;
use sentinel_axiom::wake::{ExportBlob, SmallMessage};

use super::{CONTAINER, TABLE, World};

impl World {
    /// One whose dataset exists, so that the first fault of a script meets the first batch.
    pub async fn with_dataset() -> Self {
        Self::with(Options { keep_rows: true, datasets: vec![TABLE.to_owned()], ..Options::default() }).await
    }

    pub async fn append(&self, name: &str, bytes: &[u8]) {
        self.writer.append_blob(CONTAINER, name, bytes).await.expect("the emulator takes it");
    }

    /// Blobs that are there.
    pub async fn blobs_left(&self) -> usize {
        self.blobs.list(CONTAINER, "").count().await
    }

    /// Deletes the blob and writes another one of the same name.
    pub async fn replace(&self, name: &str, bytes: &[u8], kind: Kind) {
        self.writer.delete_blob(CONTAINER, name).await.expect("the emulator deletes it");
        self.writer.put_blob(CONTAINER, name, bytes, kind).await.expect("the emulator takes it");
    }

    pub async fn set_metadata(&self, name: &str, metadata: &[(&str, &str)]) {
        self.writer.set_metadata(CONTAINER, name, metadata).await.expect("the emulator takes it");
    }

    /// The version of a blob that exists: any write changes it.
    pub async fn version(&self, name: &str) -> Version {
        self.properties(name).await.expect("the blob exists").version
    }

    /// A value of the metadata of a blob that exists.
    pub async fn mark(&self, name: &str, mark: &str) -> Option<String> {
        self.properties(name).await.expect("the blob exists").metadata.get(mark).cloned()
    }

    /// Lets the claim on a blob run out without waiting for it: the same visit, with an end in the past.
    pub async fn expire_claim(&self, name: &str) {
        let mut metadata = self.properties(name).await.expect("the blob exists").metadata;
        let claim = metadata.get_mut("axiom_claim").expect("the blob is claimed");
        *claim = format!("{}@1", claim.split_once('@').expect("a claim has an end").0);
        let metadata: Vec<_> = metadata.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.set_metadata(name, &metadata).await;
    }

    /// The same for every blob that is claimed.
    pub async fn expire_claims(&self) {
        let blobs: Vec<_> = self.blobs.list(CONTAINER, "").try_collect().await.expect("the emulator answers");
        for blob in blobs.iter().filter(|blob| blob.metadata.contains_key("axiom_claim")) {
            self.expire_claim(&blob.name).await;
        }
    }

    /// Puts a message for the blob on the work queue.
    pub async fn wake(&self, name: &str) {
        let blob = ExportBlob::parse(CONTAINER, name).expect("an export blob");
        self.queue.send(&SmallMessage::new(&blob, 0).to_json()).await.expect("the queue takes it");
    }

    /// The numbers of the rows in Axiom, in the order of commit.
    pub fn arrived(&self) -> Vec<u64> {
        let number = |row: &str| row.split("\"EventID\":").nth(1)?.split(',').next()?.parse().ok();
        self.delivered(TABLE).iter().map(|row| number(row).expect("a row of the tests has a number")).collect()
    }

    /// The same, sorted.
    pub fn numbers(&self) -> Vec<u64> {
        let mut numbers = self.arrived();
        numbers.sort_unstable();
        numbers
    }

    /// The same, each number once.
    pub fn distinct(&self) -> Vec<u64> {
        let mut numbers = self.numbers();
        numbers.dedup();
        numbers
    }
}

/// An invocation as the host makes it of a message for the blob.
pub fn invocation(name: &str, dequeue_count: u32) -> String {
    let blob = ExportBlob::parse(CONTAINER, name).expect("an export blob");
    let message = SmallMessage::new(&blob, 0).to_json();
    serde_json::json!({ "Data": { "event": message }, "Metadata": { "DequeueCount": dequeue_count.to_string() } })
        .to_string()
}
