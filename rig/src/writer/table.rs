//! One table's rows on their way out: cut into uneven blocks, a new blob each five minutes of simulated time, late rows into old blobs.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use fastrand::Rng;
use time::{Duration, OffsetDateTime};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::blob::ExportBlob;
use super::defects::spoil;
use super::event::Events;
use super::rest::RestStorage;
use super::{Options, TableWritten};
use crate::content::Content;
use crate::rows::RowSource;

/// What a table's task works with.
pub(super) struct TableWriter {
    pub(super) options: Arc<Options>,
    pub(super) account: RestStorage,
    pub(super) events: Option<Arc<Events>>,
    pub(super) written: Arc<Mutex<BTreeMap<String, TableWritten>>>,
    pub(super) rows: RowSource,
    pub(super) rng: Rng,
    /// Rows that this table is to get.
    pub(super) count: u64,
    pub(super) stop: CancellationToken,
}

/// A block, ready to be appended.
struct Block {
    bytes: Vec<u8>,
    good: Content,
    /// The good rows, where they are to be remembered.
    rows: Vec<Vec<u8>>,
    bad: Vec<Vec<u8>>,
    /// Bytes of the last line, its end included.
    last: usize,
}

impl TableWriter {
    /// Writes all rows, or as many as there is time for.
    pub(super) async fn run(mut self) -> anyhow::Result<()> {
        let mut blobs: BTreeMap<i64, ExportBlob> = BTreeMap::new();
        let started = Instant::now();
        let mut next = 0;
        while next < self.count {
            let now = self.folder_of(next);
            let late = blobs.len() > 1 && self.rng.f64() < self.options.late;
            let folder = if late { *blobs.keys().nth(self.rng.usize(..blobs.len() - 1)).unwrap_or(&now) } else { now };
            let due = started + self.options.duration.mul_f64(fraction(next, self.count));
            tokio::select! {
                () = self.stop.cancelled() => break,
                () = tokio::time::sleep_until(due) => {}
            }
            let block = self.block(&mut next, folder);
            let blob = blobs.entry(folder).or_insert_with(|| ExportBlob::new(self.rows.table(), instant(folder)));
            let hold = if self.rng.f64() < self.options.defects.cut { self.rng.usize(1..=block.last) } else { 0 };
            let appended = blob.append(&self.account, self.events.as_deref(), &block.bytes, hold).await?;
            self.update(|written| {
                written.late_blocks += u64::from(late);
                written.note(appended, &block.good, block.bytes.len());
                written.rows.extend(block.rows);
                written.bad.extend(block.bad);
            });
            self.finish_line(&mut blobs, folder).await?;
        }
        Ok(())
    }

    /// Finishes a line that was begun, by an append of its own: the two halves of one upload come close together. A half that stays alone
    /// until the blob counts as quiet is a wrong row to any reader.
    async fn finish_line(&self, blobs: &mut BTreeMap<i64, ExportBlob>, folder: i64) -> anyhow::Result<()> {
        if let Some(blob) = blobs.get_mut(&folder).filter(|blob| blob.is_unfinished()) {
            let appended = blob.append(&self.account, self.events.as_deref(), &[], 0).await?;
            self.update(|written| written.note(appended, &Content::default(), 0));
        }
        Ok(())
    }

    /// The five minutes, as their number since 1970, in which row `index` happens.
    fn folder_of(&self, index: u64) -> i64 {
        let time = self.options.start + self.options.simulated.mul_f64(fraction(index, self.count));
        time.unix_timestamp().div_euclid(FOLDER_SECONDS)
    }

    /// Makes one block from row `next` on: one row at least, `block_bytes` or a little more at most.
    fn block(&mut self, next: &mut u64, folder: i64) -> Block {
        let now = self.folder_of(*next);
        let most = self.rng.usize(1..=self.options.block_bytes.max(1));
        let wanted = self.rng.usize(1..=most);
        let end: &[u8] = if self.rng.f64() < self.options.defects.crlf { b"\r\n" } else { b"\n" };
        let bytes = Vec::with_capacity(wanted + 8192);
        let mut block = Block { bytes, good: Content::default(), rows: Vec::new(), bad: Vec::new(), last: 0 };
        let mut row = Vec::with_capacity(8192);
        let mut add = |this: &mut Self, index: u64| {
            row.clear();
            let tick = this.rng.i64(0..FOLDER_SECONDS * 10_000_000);
            this.rows.write_row(index, instant(folder) + Duration::nanoseconds(tick * 100), &mut row);
            if this.rng.f64() < this.options.defects.bad {
                spoil(&mut row, &mut this.rng);
                block.bad.push(row.clone());
            } else {
                block.good.add(&row);
                block.rows.extend(this.options.keep_rows.then(|| row.clone()));
            }
            block.bytes.extend_from_slice(&row);
            block.bytes.extend_from_slice(end);
            block.last = row.len() + end.len();
            if this.rng.f64() < this.options.defects.blank {
                block.bytes.extend_from_slice(end);
                block.last = end.len();
            }
            if block.bytes.len() < wanted { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        loop {
            let index = *next;
            *next += 1;
            if add(self, index).is_break() || *next >= self.count || self.folder_of(*next) != now {
                return block;
            }
        }
    }

    fn update(&self, change: impl FnOnce(&mut TableWritten)) {
        let mut written = self.written.lock().expect("no holder of this lock panics");
        change(written.entry(self.rows.table().to_owned()).or_default());
    }
}

const FOLDER_SECONDS: i64 = 300;

fn instant(folder: i64) -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + Duration::seconds(folder * FOLDER_SECONDS)
}

/// How far `index` is in `count`, 0 to 1.
#[expect(clippy::cast_precision_loss, reason = "a pace needs no more than 52 bits")]
fn fraction(index: u64, count: u64) -> f64 {
    index as f64 / count.max(1) as f64
}
