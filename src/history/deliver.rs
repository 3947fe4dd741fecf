//! The rows of a slice to where they go. Only here a [`Sent`] is made, and only a [`Sent`] lets a slice count as done.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures::stream::{StreamExt as _, TryStreamExt as _};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::archive::{self, Archive};
use super::job::{Job, Target};
use super::slice::Slice;
use crate::azure::StorageError;
use crate::query::rows::Rows;
use crate::query::window::Window;
use crate::send::{self, SendError};
use crate::ship::Flow;

/// Blobs that are written at a time.
const WRITES: usize = 8;

/// Proof that the rows of a slice are at their destination or set aside, and how.
#[derive(Debug)]
pub struct Sent {
    account: Vec<u8>,
    rows: u64,
    bytes: u64,
    set_aside: u64,
    perhaps_twice: u64,
}

/// The rows are not all there.
#[derive(Debug, thiserror::Error)]
pub enum DeliverError {
    /// Axiom, or what is set aside.
    #[error(transparent)]
    Send(#[from] SendError),
    /// Storage.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// Nobody said where.
    #[error("write to storage: set HISTORY_STORAGE and LOG_ANALYTICS_RESOURCE_ID")]
    NoArchive,
    /// A row has no place.
    #[error("write a row to storage: it has no TimeGenerated (let the query give that column)")]
    NoTime,
}

/// A slice on its way.
pub struct Delivery<'a> {
    flow: &'a Flow,
    archive: Option<&'a Archive>,
    job: &'a Job,
    window: Window,
    begun: OffsetDateTime,
    /// Where the rows of the next piece begin, in bytes of the slice.
    offset: u64,
    hash: Sha256,
    rows: u64,
    set_aside: u64,
    perhaps_twice: u64,
    pieces: u32,
    written: Vec<Entry>,
}

/// One line of the account of a slice.
#[derive(Debug, Serialize)]
struct Entry {
    table: String,
    from: String,
    to: String,
    rows: u64,
    bytes: u64,
    set_aside: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    dataset: Option<String>,
    blob: String,
    sha256: String,
    begun: String,
    ended: String,
}

impl Sent {
    /// Rows that are at their destination.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Their size as JSON, in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Rows that were set aside instead.
    #[must_use]
    pub fn set_aside(&self) -> u64 {
        self.set_aside
    }

    /// Rows that were sent again because an answer was lost.
    #[must_use]
    pub fn perhaps_twice(&self) -> u64 {
        self.perhaps_twice
    }

    /// A line of JSON for each blob, or one for the dataset.
    #[must_use]
    pub fn account(&self) -> Vec<u8> {
        self.account.clone()
    }
}

impl<'a> Delivery<'a> {
    /// Nothing is sent yet.
    #[must_use]
    pub fn new(flow: &'a Flow, archive: Option<&'a Archive>, job: &'a Job, slice: Slice) -> Self {
        Self {
            flow,
            archive,
            job,
            window: slice.window,
            begun: OffsetDateTime::now_utc(),
            offset: 0,
            hash: Sha256::new(),
            rows: 0,
            set_aside: 0,
            perhaps_twice: 0,
            pieces: 0,
            written: Vec::new(),
        }
    }

    /// Sends a piece of the slice; the pieces come in order.
    ///
    /// # Errors
    /// [`DeliverError`]; rows of the piece may have arrived all the same.
    pub async fn send(&mut self, rows: Rows) -> Result<(), DeliverError> {
        self.hash.update(&rows.lines);
        match &self.job.to {
            Target::Axiom { dataset } => {
                let sent = send::send(self.flow, dataset, (&self.name(), self.offset), &rows.lines).await?;
                self.rows += sent.rows;
                self.set_aside += sent.set_aside;
                self.perhaps_twice += sent.perhaps_twice;
            }
            Target::Storage { zstd } => self.send_to_storage(*zstd, &rows).await?,
        }
        self.offset += rows.lines.len() as u64;
        self.pieces += 1;
        Ok(())
    }

    /// All pieces were sent.
    #[must_use]
    pub fn finish(mut self) -> Sent {
        if let Target::Axiom { dataset } = &self.job.to {
            let hash = std::mem::take(&mut self.hash).finalize();
            let entry = self.entry(Some(dataset), self.name(), self.rows, self.offset, &hash);
            self.written.push(Entry { set_aside: self.set_aside, ..entry });
        }
        let mut account = Vec::new();
        for entry in &self.written {
            serde_json::to_writer(&mut account, entry).expect("texts and numbers are JSON");
            account.push(b'\n');
        }
        let Self { rows, offset: bytes, set_aside, perhaps_twice, .. } = self;
        Sent { account, rows, bytes, set_aside, perhaps_twice }
    }

    /// What stands in `source_blob`, and what refused rows are kept under.
    fn name(&self) -> String {
        format!("history/{}/{}_{}", self.job.name, self.window.from.compact(), self.window.to.compact())
    }

    /// One blob for each folder of data export that has rows.
    async fn send_to_storage(&mut self, zstd: bool, rows: &Rows) -> Result<(), DeliverError> {
        let archive = self.archive.ok_or(DeliverError::NoArchive)?;
        let folders = archive::by_folder(&rows.lines).ok_or(DeliverError::NoTime)?;
        let mut writes = Vec::new();
        for (folder, (count, lines)) in folders {
            let name = archive.name(&self.job.name, folder, self.window, self.pieces, zstd);
            let hash = Sha256::digest(&lines);
            self.written.push(self.entry(None, name.clone(), count, lines.len() as u64, &hash));
            self.rows += count;
            writes.push(archive.write(name, Bytes::from(lines), zstd));
        }
        futures::stream::iter(writes).buffer_unordered(WRITES).try_collect::<()>().await?;
        Ok(())
    }

    fn entry(&self, dataset: Option<&String>, blob: String, rows: u64, bytes: u64, hash: &[u8]) -> Entry {
        let time = |time: OffsetDateTime| time.format(&Rfc3339).unwrap_or_default();
        Entry {
            table: self.job.name.clone(),
            from: self.window.from.to_string(),
            to: self.window.to.to_string(),
            rows,
            bytes,
            set_aside: 0,
            dataset: dataset.cloned(),
            blob,
            sha256: hash.iter().map(|byte| format!("{byte:02x}")).collect(),
            begun: time(self.begun),
            ended: time(OffsetDateTime::now_utc()),
        }
    }
}

/// Rows and lines by the beginning of their folder.
pub(super) type Folders = BTreeMap<crate::query::window::Ticks, (u64, Vec<u8>)>;
