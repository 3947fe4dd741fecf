//! The rows of a slice to where they go. Only here a [`Sent`] is made, and only a [`Sent`] lets a slice count as done.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{FuturesUnordered, StreamExt as _, TryStreamExt as _};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::time::Instant;

use super::archive::{self, Archive};
use super::job::{Job, Target};
use super::slice::Slice;
use crate::axiom::{Destination, Undelivered};
use crate::azure::StorageError;
use crate::batch::{Batch, Batcher};
use crate::lines::Lines;
use crate::loganalytics::reply::Rows;
use crate::loganalytics::window::Window;
use crate::refused::{Kept, Origin};
use crate::ship::Flow;

/// How long a batch is tried: nobody waits for history, and a slice that is given up half-way is sent again.
const BATCH_TRIES: Duration = Duration::from_secs(3600);

/// Bytes that are cut into lines at a time.
const CHUNK: usize = 256 << 10;

/// Blobs that are written at a time.
const WRITES: usize = 8;

/// Proof that the rows of a slice are at their destination or set aside, and how.
#[derive(Debug)]
pub struct Sent {
    account: Vec<u8>,
    rows: u64,
    bytes: u64,
    set_aside: u64,
}

/// The rows are not all there.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// Axiom.
    #[error(transparent)]
    Axiom(#[from] Undelivered),
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
            pieces: 0,
            written: Vec::new(),
        }
    }

    /// Sends a piece of the slice; the pieces come in order.
    ///
    /// # Errors
    /// [`SendError`]; rows of the piece may have arrived all the same.
    pub async fn send(&mut self, rows: Rows) -> Result<(), SendError> {
        self.hash.update(&rows.lines);
        match &self.job.to {
            Target::Axiom { dataset } => self.send_to_axiom(dataset, &rows.lines).await?,
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
        Sent { account, rows: self.rows, bytes: self.offset, set_aside: self.set_aside }
    }

    /// What stands in `source_blob`, and what refused rows are kept under.
    fn name(&self) -> String {
        format!("history/{}/{}_{}", self.job.name, self.window.from.compact(), self.window.to.compact())
    }

    /// The same flow as for a blob: lines, rows that are checked, batches, and never one with live rows in it.
    async fn send_to_axiom(&mut self, dataset: &str, lines: &[u8]) -> Result<(), SendError> {
        let (mut cutter, mut batcher) = (Lines::new(self.offset), Batcher::new(self.flow.limits, self.offset));
        let (flow, name) = (self.flow, self.name());
        let (mut full, mut under_way) = (Vec::new(), FuturesUnordered::new());
        let mut settled = Vec::new();
        for chunk in lines.chunks(CHUNK) {
            if batcher.wants_body() {
                batcher.move_to(flow.room.body().await);
            }
            cutter.feed(chunk, |line| full.extend(batcher.push(line)));
            for batch in full.drain(..) {
                while under_way.len() >= flow.uploads {
                    settled.extend(under_way.try_next().await?);
                }
                under_way.push(to_dataset(flow, dataset, &name, batch));
            }
        }
        if let Some(batch) = batcher.cut() {
            under_way.push(to_dataset(flow, dataset, &name, batch));
        }
        while let Some(kept) = under_way.try_next().await? {
            settled.push(kept);
        }
        for kept in settled {
            self.rows += kept.delivered().tally().rows;
            self.set_aside += kept.set_aside();
        }
        Ok(())
    }

    /// One blob for each folder of data export that has rows.
    async fn send_to_storage(&mut self, zstd: bool, rows: &Rows) -> Result<(), SendError> {
        let archive = self.archive.ok_or(SendError::NoArchive)?;
        let folders = archive::by_folder(&rows.lines).ok_or(SendError::NoTime)?;
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

async fn to_dataset(flow: &Flow, dataset: &str, name: &str, batch: Batch) -> Result<Kept, SendError> {
    // Nobody waits for history, and egress is the bill.
    let level = flow.level.for_backlog(0, Duration::ZERO);
    let packed = flow.axiom.pack(batch, level).await;
    let to = Destination { dataset: dataset.to_owned(), blob: Some(name.to_owned()) };
    let delivered = flow.axiom.deliver(&to, packed, Instant::now() + BATCH_TRIES).await?;
    let origin = Origin { blob: name.to_owned(), created: OffsetDateTime::UNIX_EPOCH, dataset: dataset.to_owned() };
    Ok(flow.refused.keep(delivered, &origin).await?)
}

/// Rows and lines by the beginning of their folder.
pub(super) type Folders = BTreeMap<crate::loganalytics::window::Ticks, (u64, Vec<u8>)>;
