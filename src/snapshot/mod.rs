//! A snapshot: all that Defender for Cloud says now, through Azure Resource Graph, past the limit of its portal.
//!
//! The service's own pages are cut by place (`$skipToken` holds a number of records to skip), so that a record which vanishes between two of them moves
//! another one past the reader, and no count can tell. So a result that is larger than one reply is read in parts by the hash of the id, each so small that it
//! comes in one reply: one look, which is whole by its own count. What was there from the first to the last moment is there, once. Microsoft's "Guidance for
//! pagination" says the same.

mod csv;
pub mod file;
pub mod kind;
mod kql;
pub mod sink;

use crate::loganalytics::kql::{Part, WHOLE};
use crate::query::AskError;
use crate::resource_graph::reply::Page;
use crate::resource_graph::{MOST_ROWS, ResourceGraph, Scope};
use crate::send::SendError;
use kind::{Kind, Severity};
use sink::Sink;

/// Records that a part should have: no hash is quite even, and with so many the odds are against one that has more than a reply may have.
const ROWS: u64 = 800;

/// Bytes that a part should have: half of what a reply may have, since records differ in size.
const BYTES: u64 = 8 << 20;

/// Most parts of a result.
const PARTS: u32 = 1 << 20;

/// What is read.
#[derive(Debug, Clone, Copy)]
pub struct Snapshot<'a> {
    /// Where from.
    pub graph: &'a ResourceGraph,
    /// Which records.
    pub kind: Kind,
    /// Of these severities alone; of all where there are none.
    pub severities: &'a [Severity],
    /// Of these subscriptions.
    pub scope: &'a Scope,
}

/// How far a snapshot has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Done {
    /// Records that were written, or are in Axiom.
    pub rows: u64,
    /// Records that came twice in one reply, and were written once.
    pub repeated: u64,
    /// Rows that Axiom does not take.
    pub set_aside: u64,
    /// Rows that were sent again because an answer was lost, and may be in Axiom twice.
    pub perhaps_twice: u64,
}

/// There is no snapshot, or a part of one.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The service does not answer.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// The service left records out and does not say how to get them.
    #[error("read {kind}: {came} of {of} records came, and the service offers no way to the others (read it again)")]
    Short {
        /// What was read.
        kind: String,
        /// Records that came.
        came: u64,
        /// Records that there are.
        of: u64,
    },
    /// Fewer came than there were at the beginning, and than there are at the end.
    #[error(
        "read {kind}: {came} records came, and the service counts {of} (others came and went meanwhile: read it again)"
    )]
    Fewer {
        /// What was read.
        kind: String,
        /// Records that came.
        came: u64,
        /// Records that there are.
        of: u64,
    },
    /// A reply is too large, whatever is done.
    #[error("read {kind}: a part in {parts} is still more than a reply may have: {why}")]
    Indivisible {
        /// What was read.
        kind: String,
        /// How small the part is.
        parts: u32,
        /// What the service says.
        why: String,
    },
    /// The file is there.
    #[error("write {0}: it is there already (name another file, or add --force)")]
    Exists(String),
    /// The file, or standard output, cannot be written.
    #[error("write {0}")]
    Write(String, #[source] std::io::Error),
    /// A record is none.
    #[error("make CSV of a record")]
    Record(#[from] serde_json::Error),
    /// Axiom, or what is set aside.
    #[error(transparent)]
    Send(#[from] SendError),
}

impl Snapshot<'_> {
    /// Reads all records and gives them to the sink as they come. `done` says how far it came, whatever happens.
    ///
    /// # Errors
    /// [`SnapshotError`]; what the sink has then is not whole.
    pub async fn read(&self, sink: &mut Sink<'_>, done: &mut Done) -> Result<(), SnapshotError> {
        let first = self.first().await?;
        if first.is_whole() {
            return write(&first, sink, done).await;
        }
        // These records come again with their parts.
        let (before, parts) = (first.total, parts(&first));
        drop(first);
        let mut left: Vec<_> = WHOLE.divided(parts).rev().collect();
        while let Some(part) = left.pop() {
            let why = match self.ask(part, MOST_ROWS).await {
                Ok(page) if page.is_whole() => {
                    write(&page, sink, done).await?;
                    continue;
                }
                Ok(page) => format!("{} of {} records came", page.came(), page.total),
                Err(SnapshotError::Ask(AskError::TooMuch(why))) => why,
                Err(error) => return Err(error),
            };
            left.extend(self.finer(part, why)?);
        }
        // Records come and go meanwhile, and neither count need be that of the parts. What is fewer than both may be right all the same, where some came and
        // others went; it may also be that the parts are not the whole. Nobody can tell, so it is an error.
        let (came, of) = (done.came(), before.min(self.ask(WHOLE, 1).await?.total));
        if came < of { Err(SnapshotError::Fewer { kind: self.kind.name(), came, of }) } else { Ok(()) }
    }

    /// As many records of the whole as come at once: all, or some that show how large they are.
    async fn first(&self) -> Result<Page, SnapshotError> {
        let mut top = MOST_ROWS;
        loop {
            match self.ask(WHOLE, top).await {
                Err(SnapshotError::Ask(AskError::TooMuch(_))) if top > 1 => top = (top / 4).max(1),
                other => return other,
            }
        }
    }

    /// One reply, which is not short.
    async fn ask(&self, part: Part, top: u32) -> Result<Page, SnapshotError> {
        let page = self.graph.ask(&kql::query(self.kind, self.severities, part), self.scope, top).await?;
        tracing::debug!(part = part.index, of = part.of, rows = page.came(), total = page.total, "records came");
        if page.is_short() {
            return Err(SnapshotError::Short { kind: self.kind.name(), came: page.came(), of: page.total });
        }
        Ok(page)
    }

    fn finer(&self, part: Part, why: String) -> Result<impl Iterator<Item = Part>, SnapshotError> {
        if part.of > PARTS / 2 {
            return Err(SnapshotError::Indivisible { kind: self.kind.name(), parts: part.of, why });
        }
        Ok(part.divided(2).rev())
    }
}

impl Done {
    /// Records that came, whatever became of them.
    fn came(&self) -> u64 {
        self.rows + self.repeated + self.set_aside
    }
}

async fn write(page: &Page, sink: &mut Sink<'_>, done: &mut Done) -> Result<(), SnapshotError> {
    let arrived = sink.write(page).await?;
    done.rows += arrived.rows;
    done.set_aside += arrived.set_aside;
    done.perhaps_twice += arrived.perhaps_twice;
    done.repeated += page.repeated;
    Ok(())
}

/// How many parts a result like these first records of it is read in.
fn parts(first: &Page) -> u32 {
    let bytes = (first.lines.len() as u64).saturating_mul(first.total).div_ceil(first.rows.max(1));
    let parts = first.total.div_ceil(ROWS).max(bytes.div_ceil(BYTES));
    u32::try_from(parts).unwrap_or(PARTS).clamp(2, PARTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_by_rows_and_by_bytes() {
        let first =
            |rows: u64, bytes: usize, total: u64| Page { rows, total, lines: vec![0; bytes], ..Page::default() };
        for (page, wanted) in [
            (first(1000, 1_000_000, 1001), 2),
            (first(1000, 1_000_000, 30_000), 38),
            (first(250, 12 << 20, 1000), 6),
            (first(0, 0, 5), 2),
            (first(1, 1 << 20, u64::MAX), PARTS),
        ] {
            assert_eq!(parts(&page), wanted, "{} rows", page.total);
        }
    }
}
