//! How it goes, table by table: what waits, what was delivered, what went wrong last. Gathered from the storage accounts alone, so it is true whoever asks.

mod page;
mod text;

use std::collections::{BTreeMap, HashSet};

use futures::{StreamExt as _, TryStreamExt as _};
use serde::Serialize;
use time::{Duration, OffsetDateTime};

use crate::app::App;
use crate::azure::{ReadError, StorageError};
use crate::receipts::LastError;
use crate::source::marks::Marks;
use crate::source::plan::Plan;
use crate::source::sweep;
use crate::wake::ExportBlob;

pub use page::page;
pub use text::text;

/// Hours of the plot.
pub const HOURS: usize = 24;

/// Containers looked through at the same time.
const AT_ONCE: usize = 8;

/// Everything.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    /// When it was gathered, in seconds since 1970 UTC.
    pub at: i64,
    /// First day (UTC) of the rows that are counted here: those of blobs of that day and later.
    pub since: String,
    /// The tables, in the order of their names.
    pub tables: Vec<Table>,
    /// Messages on the work queue; none where there is no queue.
    pub queue: Option<u64>,
}

/// One table.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Table {
    /// Its name, as its container has it.
    pub table: String,
    /// Blobs that are there.
    pub blobs: u64,
    /// Blobs with bytes that are not delivered.
    pub waiting_blobs: u64,
    /// These bytes.
    pub waiting_bytes: u64,
    /// Rows among them; none where nobody asked to count them.
    pub waiting_rows: Option<u64>,
    /// Age of the oldest of these blobs, by its folder, in seconds.
    pub oldest_seconds: Option<i64>,
    /// Rows in Axiom.
    pub rows: u64,
    /// Rows set aside.
    pub set_aside: u64,
    /// Rows in Axiom by the hour of their blob's folder: the last one is the hour in which this was gathered.
    pub by_hour: [u64; HOURS],
    /// The last error.
    pub last_error: Option<LastError>,
}

/// The status cannot be gathered.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    /// Storage.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A blob whose rows are to be counted.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl Status {
    /// Gathers it for blobs of the last `days` days; with `count`, the rows that wait are read and counted.
    ///
    /// # Errors
    /// [`StatusError`].
    pub async fn gather(app: &App, days: u32, count: bool) -> Result<Self, StatusError> {
        let now = OffsetDateTime::now_utc();
        let since = (now - Duration::days(days.into())).date();
        // The receipts first: a blob that is deleted in between is missing for a moment, and none is counted twice.
        let receipts = app.flow.receipts.since(since).await?;
        let errors = app.flow.receipts.errors().await?;
        let mut tables: BTreeMap<String, Table> = app
            .flow
            .export
            .containers("am-")
            .map_ok(|container| live(app, container, now, count))
            .map_err(StatusError::from)
            .try_buffer_unordered(AT_ONCE)
            .try_collect::<Vec<_>>()
            .await?
            .into_iter()
            .map(|(table, there)| {
                let mut table = table;
                for receipt in receipts.get(&table.table).into_iter().flatten() {
                    if !there.contains(&receipt.key()) {
                        let (container, name) = receipt.blob.split_once('/').unwrap_or_default();
                        table.add(
                            ExportBlob::parse(container, name).ok().as_ref(),
                            (receipt.rows, receipt.set_aside),
                            now,
                        );
                    }
                }
                (table.table.clone(), table)
            })
            .collect();
        for (name, error) in errors {
            let table = tables.entry(name.clone()).or_insert_with(|| Table { table: name, ..Table::default() });
            table.last_error = Some(error);
        }
        // `run` works without a queue, and then it need not be there.
        let queue = app.queue.length().await.ok();
        Ok(Self { at: now.unix_timestamp(), since: since.to_string(), tables: tables.into_values().collect(), queue })
    }
}

/// What is there of a table, and which blobs these are.
async fn live(
    app: &App,
    container: String,
    now: OffsetDateTime,
    count: bool,
) -> Result<(Table, HashSet<(String, i64)>), StatusError> {
    let name = container.strip_prefix("am-").unwrap_or_default().to_owned();
    let mut table = Table { table: name, waiting_rows: count.then_some(0), ..Table::default() };
    let mut there = HashSet::new();
    let mut listing = std::pin::pin!(app.flow.export.list(&container, ""));
    while let Some(listed) = listing.next().await {
        let listed = listed?;
        let Some((blob, plan)) = sweep::look(&container, &listed, app.flow.policy) else { continue };
        let marks = Marks::read(&listed.metadata);
        table.blobs += 1;
        there.insert((blob.to_string(), listed.created.unix_timestamp()));
        table.add(Some(&blob), (marks.rows, marks.set_aside), now);
        let waiting: u64 = marks.gaps(listed.length).iter().map(|gap| gap.end - gap.start).sum();
        if waiting > 0 && !matches!(plan, Plan::Delete) {
            table.waiting_blobs += 1;
            table.waiting_bytes += waiting;
            let age = (now - blob.folder_time()).whole_seconds();
            table.oldest_seconds = Some(table.oldest_seconds.map_or(age, |oldest| oldest.max(age)));
            if let Some(rows) = &mut table.waiting_rows {
                for gap in marks.gaps(listed.length) {
                    *rows += rows_in(app, &blob, (gap.start, gap.end), listed.created).await?;
                }
            }
        }
    }
    Ok((table, there))
}

/// Rows of a stretch of a blob: its lines that are not blank.
async fn rows_in(
    app: &App,
    blob: &ExportBlob,
    (start, end): (u64, u64),
    created: OffsetDateTime,
) -> Result<u64, StatusError> {
    let (mut lines, mut rows) = (crate::lines::Lines::new(start), 0);
    let mut each = |line: crate::lines::Line<'_>| rows += u64::from(!crate::lines::is_blank(line.bytes));
    let mut read = app.flow.export.read(blob.container(), blob.name(), start, end, created);
    loop {
        match read.next().await {
            Ok(Some(chunk)) => lines.feed(&chunk, &mut each),
            // Delivered and deleted while we count: nothing of it waits.
            Err(ReadError::Replaced(_)) => return Ok(0),
            Ok(None) => break,
            Err(error) => return Err(error.into()),
        }
    }
    lines.finish(&mut each);
    Ok(rows)
}

impl Table {
    /// Adds what was delivered of a blob.
    fn add(&mut self, blob: Option<&ExportBlob>, (rows, set_aside): (u64, u64), now: OffsetDateTime) {
        self.rows += rows;
        self.set_aside += set_aside;
        let hours = |time: OffsetDateTime| time.unix_timestamp().div_euclid(3600);
        let ago = blob.map(|blob| hours(now) - hours(blob.folder_time()));
        if let Some(ago) = ago.and_then(|ago| usize::try_from(ago).ok()).filter(|ago| *ago < HOURS) {
            self.by_hour[HOURS - 1 - ago] += rows;
        }
    }
}
