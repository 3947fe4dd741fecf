//! What was delivered of blobs that are gone: a line for each, written before it is deleted, so that counts survive whoever counts.
//!
//! While a blob is there, its counts stand on itself ([`Marks`]), and change together with its offset. A line may stand here twice, or before a delete that did
//! not happen: the last one of a blob counts, and none of a blob that is still there.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt as _;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use tokio::time::Instant;

use crate::azure::{Blobs, Properties, StorageError};
use crate::source::marks::Marks;
use crate::wake::ExportBlob;

/// How often the last error of a table is written down.
const ERROR_EVERY: Duration = Duration::from_secs(60);

/// The container of the host's account for them. Clones share what was written lately.
#[derive(Clone)]
pub struct Receipts {
    blobs: Blobs,
    container: String,
    /// When the last error of each table was written down.
    errors: Arc<Mutex<HashMap<String, Instant>>>,
}

/// What was delivered of a blob.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    /// The blob, `container/name`.
    pub blob: String,
    /// When it was created, in seconds since 1970 UTC: tells two blobs of one name apart.
    pub created: i64,
    /// Its length, in bytes.
    pub bytes: u64,
    /// Rows in Axiom.
    pub rows: u64,
    /// Rows set aside.
    pub set_aside: u64,
    /// When it was deleted, in seconds since 1970 UTC.
    pub at: i64,
}

/// The last error of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastError {
    /// What was said.
    pub said: String,
    /// When, in seconds since 1970 UTC.
    pub at: i64,
}

impl Receipt {
    /// The receipt of a blob that is to be deleted now.
    #[must_use]
    pub fn new(blob: &ExportBlob, seen: &Properties, marks: &Marks) -> Self {
        Self {
            blob: blob.to_string(),
            created: seen.created.unix_timestamp(),
            bytes: seen.length,
            rows: marks.rows,
            set_aside: marks.set_aside,
            at: OffsetDateTime::now_utc().unix_timestamp(),
        }
    }

    /// What it is known by.
    #[must_use]
    pub fn key(&self) -> (String, i64) {
        (self.blob.clone(), self.created)
    }
}

impl Receipts {
    /// Receipts in this container, which is created when it is first needed.
    #[must_use]
    pub fn new(blobs: Blobs, container: &str) -> Self {
        Self { blobs, container: container.to_owned(), errors: Arc::default() }
    }

    /// Writes a receipt, by table and the day of the blob's folder.
    ///
    /// # Errors
    /// It is not written: the blob must stay.
    pub async fn write(&self, blob: &ExportBlob, receipt: &Receipt) -> Result<(), StorageError> {
        let mut line = serde_json::to_vec(receipt).expect("texts and numbers are JSON");
        line.push(b'\n');
        let name = format!("rows/{}/{}.jsonl", blob.table(), blob.folder_time().date());
        self.blobs.append(&self.container, &name, &Bytes::from(line)).await
    }

    /// The receipts of a day (UTC) and later ones, by table, each blob once.
    ///
    /// # Errors
    /// They cannot be read. A line that was not written whole is left out.
    pub async fn since(&self, day: time::Date) -> Result<BTreeMap<String, Vec<Receipt>>, StorageError> {
        let first = format!("{day}.jsonl");
        let mut by_table: BTreeMap<String, BTreeMap<_, Receipt>> = BTreeMap::new();
        let mut listing = std::pin::pin!(self.blobs.list(&self.container, "rows/"));
        while let Some(listed) = until_created(listing.try_next().await)? {
            let Some((table, file)) = listed.name.strip_prefix("rows/").and_then(|name| name.split_once('/')) else {
                continue;
            };
            if file < first.as_str() {
                continue;
            }
            let (lines, _) = self.blobs.get(&self.container, &listed.name).await?;
            let receipts = lines.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok());
            let of_table = by_table.entry(table.to_owned()).or_default();
            for receipt in receipts {
                let receipt: Receipt = receipt;
                of_table.insert(receipt.key(), receipt);
            }
        }
        Ok(by_table.into_iter().map(|(table, receipts)| (table, receipts.into_values().collect())).collect())
    }

    /// Writes down why a table was not delivered, once a minute at most. It is for people to read: that it cannot be written keeps nothing from going on.
    pub async fn failed(&self, table: &str, said: &str) {
        {
            let mut errors = self.errors.lock().expect("nothing panics while it is held");
            let now = Instant::now();
            if errors.get(table).is_some_and(|last| now - *last < ERROR_EVERY) {
                return;
            }
            errors.insert(table.to_owned(), now);
        }
        let error = LastError { said: said.to_owned(), at: OffsetDateTime::now_utc().unix_timestamp() };
        let body = serde_json::to_vec(&error).expect("a text and a number are JSON");
        if let Err(error) = self.blobs.put(&self.container, &format!("errors/{table}.json"), body.into()).await {
            tracing::warn!(table, error = crate::report::chain(&error), "the last error of a table is not kept");
        }
    }

    /// The last error of each table.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn errors(&self) -> Result<BTreeMap<String, LastError>, StorageError> {
        let mut errors = BTreeMap::new();
        let mut listing = std::pin::pin!(self.blobs.list(&self.container, "errors/"));
        while let Some(listed) = until_created(listing.try_next().await)? {
            let table = listed.name.strip_prefix("errors/").and_then(|name| name.strip_suffix(".json"));
            let (body, _) = self.blobs.get(&self.container, &listed.name).await?;
            if let (Some(table), Ok(error)) = (table, serde_json::from_slice(&body)) {
                errors.insert(table.to_owned(), error);
            }
        }
        Ok(errors)
    }
}

/// The container is created when it is first needed: until then there is nothing in it.
fn until_created<T>(next: Result<Option<T>, StorageError>) -> Result<Option<T>, StorageError> {
    match next {
        Err(error) if error.status() == Some(404) => Ok(None),
        next => next,
    }
}
