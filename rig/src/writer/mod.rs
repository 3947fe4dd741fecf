//! Writes rows the way Log Analytics data export does: append blobs of five minutes, blocks of uneven size, one event when a blob is
//! created and none for an append, late rows into old blobs, deleted blobs made anew. It remembers what it wrote, so that what arrives
//! elsewhere can be compared with it.
//!
//! Source: Microsoft, "Log Analytics workspace data export in Azure Monitor".

mod blob;
mod defects;
mod event;
mod rest;
mod table;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context as _;
use fastrand::Rng;
use sentinel_axiom::settings::Storage;
use time::OffsetDateTime;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::content::Content;
use crate::rows::RowSource;

pub use blob::{blob_name, container};
pub use defects::Defects;
pub use event::Delivery;
pub use rest::{Kind, RestStorage};

use blob::{Appended, ExportBlob};
use event::Events;
use table::TableWriter;

/// What is written, how fast, and what is wrong with it. All chance comes from `seed`.
#[derive(Debug, Clone)]
pub struct Options {
    /// The account that is exported to.
    pub access: Storage,
    /// Where BlobCreated events go: an account and a queue in it. `None` raises none.
    pub queue: Option<(Storage, String)>,
    /// How the events are delivered.
    pub delivery: Delivery,
    /// Seed of the rows and of everything that varies.
    pub seed: u64,
    /// The tables' names, in their own case.
    pub tables: Vec<String>,
    /// Rows in all, spread evenly over the tables.
    pub rows: u64,
    /// Real time to spread them over; zero is as fast as possible.
    pub duration: Duration,
    /// Simulated time of the first row, UTC.
    pub start: OffsetDateTime,
    /// Simulated time from the first row to the last: decides how many blobs there are.
    pub simulated: Duration,
    /// Largest block in bytes; sizes vary from one row up to this.
    pub block_bytes: usize,
    /// Share of the blocks whose rows are late and go to an older blob, 0 to 1.
    pub late: f64,
    /// What is wrong with what is written.
    pub defects: Defects,
    /// Remembers the bytes of the good rows too, to tell what became of each.
    pub keep_rows: bool,
}

impl Options {
    /// A calm export: 10,000 rows in the first three tables at full speed, half an hour of simulated time, nothing wrong.
    pub fn new(access: Storage) -> Self {
        Options {
            access,
            queue: None,
            delivery: Delivery::default(),
            seed: 1,
            tables: crate::rows::table_names(3),
            rows: 10_000,
            duration: Duration::ZERO,
            start: OffsetDateTime::now_utc() - Duration::from_secs(1800),
            simulated: Duration::from_secs(1800),
            block_bytes: 4 << 20,
            late: 0.05,
            defects: Defects::default(),
            keep_rows: false,
        }
    }
}

/// What was written to one table.
#[derive(Debug, Clone, Default)]
pub struct TableWritten {
    /// The good rows, the line end not included.
    pub good: Content,
    /// The same rows byte for byte, where they are to be remembered.
    pub rows: Vec<Vec<u8>>,
    /// The rows that are wrong on purpose, byte for byte, in the order in which they were written.
    pub bad: Vec<Vec<u8>>,
    /// Bytes of all lines.
    pub bytes: u64,
    /// Blobs that were created.
    pub blobs: u64,
    /// Of those, blobs that had been deleted and were made anew.
    pub recreated: u64,
    /// Appends.
    pub blocks: u64,
    /// Appends of late rows to older blobs.
    pub late_blocks: u64,
    /// Good rows that may be there twice: an append had no answer, and then the blob was gone. Azure Monitor may repeat rows as well.
    pub doubtful_rows: u64,
}

impl TableWritten {
    fn note(&mut self, appended: Appended, good: &Content, bytes: usize) {
        self.good.merge(*good);
        self.bytes += u64::try_from(bytes).expect("a length fits in 64 bits");
        self.blocks += 1;
        self.blobs += appended.created;
        self.recreated += appended.recreated;
        self.doubtful_rows += if appended.doubtful { good.rows } else { 0 };
    }
}

/// What was written, by table.
#[derive(Debug, Clone, Default)]
pub struct Written {
    /// Every table by its name in its own case.
    pub tables: BTreeMap<String, TableWritten>,
}

impl Written {
    /// Good rows of all tables.
    pub fn rows(&self) -> u64 {
        self.tables.values().map(|table| table.good.rows).sum()
    }

    /// Wrong rows of all tables.
    pub fn bad(&self) -> usize {
        self.tables.values().map(|table| table.bad.len()).sum()
    }

    /// Bytes of all tables.
    pub fn bytes(&self) -> u64 {
        self.tables.values().map(|table| table.bytes).sum()
    }
}

/// A running export.
pub struct Writer {
    written: Arc<Mutex<BTreeMap<String, TableWritten>>>,
    events: Option<Arc<Events>>,
    /// Stops the tasks when the writer is stopped or dropped.
    _stop: DropGuard,
    token: CancellationToken,
    tasks: Vec<JoinHandle<anyhow::Result<()>>>,
}

impl Writer {
    /// Creates the queue when it is missing, and starts to write; containers are created with their first blob.
    ///
    /// # Errors
    /// Storage cannot be reached, or refuses.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        let account = RestStorage::new(&options.access)?;
        let events = match &options.queue {
            Some((access, queue)) => {
                let to = RestStorage::new(access)?;
                to.ensure_queue(queue).await?;
                Some(Arc::new(Events::new(&account, to, queue, options.delivery.clone(), options.seed)))
            }
            None => None,
        };
        let options = Arc::new(options);
        let (written, stop) = (Arc::default(), CancellationToken::new());
        let mut tasks = Vec::new();
        let tables = u64::try_from(options.tables.len().max(1)).expect("a count fits in 64 bits");
        let mut seeds = Rng::with_seed(options.seed);
        for (number, table) in (0..).zip(&options.tables) {
            let writer = TableWriter {
                account: account.clone(),
                events: events.clone(),
                written: Arc::clone(&written),
                rows: RowSource::new(options.seed, table),
                rng: seeds.fork(),
                count: options.rows / tables + u64::from(number < options.rows % tables),
                stop: stop.clone(),
                options: Arc::clone(&options),
            };
            tasks.push(tokio::spawn(writer.run()));
        }
        Ok(Writer { written, events, _stop: stop.clone().drop_guard(), token: stop, tasks })
    }

    /// What is written so far. Rows of a block that was cut count already; the rest of its last row comes at once.
    pub fn snapshot(&self) -> Written {
        Written { tables: self.written.lock().expect("no holder of this lock panics").clone() }
    }

    /// Whether all rows are written, or writing failed.
    pub fn is_finished(&self) -> bool {
        self.tasks.iter().all(JoinHandle::is_finished)
    }

    /// Waits until all rows are written.
    ///
    /// # Errors
    /// A table could not be written.
    pub async fn finish(self) -> anyhow::Result<Written> {
        let Writer { written, events, _stop, tasks, .. } = self;
        for task in tasks {
            task.await.context("a table's writer panicked")?.context("write a table")?;
        }
        if let Some(events) = &events {
            events.flush().await?;
        }
        let tables = written.lock().expect("no holder of this lock panics").clone();
        Ok(Written { tables })
    }

    /// Ends after the blocks that are being written; lines that were begun are finished, events that were held back are delivered.
    ///
    /// # Errors
    /// As [`Writer::finish`].
    pub async fn stop(self) -> anyhow::Result<Written> {
        self.token.cancel();
        self.finish().await
    }
}

/// Appends whole lines to the blob of one table's five minutes, for tests that write by hand; makes the container and the blob where they
/// are missing, and raises the event of a new blob on `queue` of the same account. Gives the blob's name.
///
/// # Errors
/// Storage cannot be reached, or refuses.
pub async fn append(
    account: &RestStorage,
    queue: Option<&str>,
    table: &str,
    time: OffsetDateTime,
    lines: &[u8],
) -> anyhow::Result<String> {
    let events = queue.map(|queue| Events::new(account, account.clone(), queue, Delivery::default(), 0));
    ExportBlob::new(table, time).append(account, events.as_ref(), lines, 0).await?;
    Ok(blob_name(time, 0))
}
