//! Rows in memory on their way to Axiom: the same flow as for a blob (lines, rows that are checked, batches), and never one batch with live rows in it.

use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt as _};
use time::OffsetDateTime;
use tokio::task::JoinError;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use crate::axiom::{Destination, Undelivered};
use crate::azure::StorageError;
use crate::batch::{Batch, Batcher};
use crate::lines::Lines;
use crate::refused::{Kept, Origin};
use crate::ship::Flow;

/// How long a batch is tried: nobody waits for these rows, and what is given up half-way is sent again.
const BATCH_TRIES: Duration = Duration::from_secs(3600);

/// Bytes that are cut into lines at a time.
const CHUNK: usize = 256 << 10;

/// What became of rows: all of them are at one of the two places.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Arrived {
    /// Rows in Axiom.
    pub rows: u64,
    /// Rows that were set aside.
    pub set_aside: u64,
    /// Rows that were sent again because an answer was lost, and may be there twice.
    pub perhaps_twice: u64,
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
}

impl SendError {
    /// True when the next rows would meet the same error: people must mend something first.
    #[must_use]
    pub fn is_configuration(&self) -> bool {
        match self {
            Self::Axiom(error) => matches!(error, Undelivered::Configuration { .. }),
            Self::Storage(error) => error.is_configuration(),
        }
    }
}

/// Sends lines to a dataset. `source` is what stands in `source_blob` and what refused rows are kept under; the lines begin at its `offset`, in bytes.
///
/// # Errors
/// [`SendError`]; some of the rows may have arrived all the same.
pub async fn send(
    flow: &Flow,
    dataset: &str,
    (source, offset): (&str, u64),
    lines: &[u8],
) -> Result<Arrived, SendError> {
    let (mut cutter, mut batcher) = (Lines::new(offset), Batcher::new(flow.limits, offset));
    let (mut full, mut under_way) = (Vec::new(), FuturesUnordered::new());
    let mut settled = Vec::new();
    for chunk in lines.chunks(CHUNK) {
        if batcher.wants_body() {
            batcher.move_to(flow.room.body().await);
        }
        cutter.feed(chunk, |line| full.extend(batcher.push(line)));
        for batch in full.drain(..) {
            while under_way.len() >= flow.uploads {
                settled.extend(ended(under_way.next().await)?);
            }
            under_way.push(begin(flow, dataset, source, batch));
        }
    }
    if let Some(batch) = batcher.cut() {
        under_way.push(begin(flow, dataset, source, batch));
    }
    while let Some(kept) = ended(under_way.next().await)? {
        settled.push(kept);
    }
    let tallies = || settled.iter().map(|kept| kept.delivered().tally());
    Ok(Arrived {
        rows: tallies().map(|tally| tally.rows).sum(),
        set_aside: settled.iter().map(Kept::set_aside).sum(),
        perhaps_twice: tallies().map(|tally| tally.repeated_rows).sum(),
    })
}

/// A batch on its way in a task of its own. It holds memory out of the room until it is compressed: were it to wait for us, and we for memory, nobody would
/// go on.
fn begin(flow: &Flow, dataset: &str, source: &str, batch: Batch) -> AbortOnDropHandle<Result<Kept, SendError>> {
    let (flow, dataset, source) = (flow.clone(), dataset.to_owned(), source.to_owned());
    AbortOnDropHandle::new(tokio::spawn(async move {
        // Nobody waits, and egress is the bill.
        let level = flow.level.for_backlog(0, Duration::ZERO);
        let packed = flow.axiom.pack(batch, level).await;
        let to = Destination { dataset, blob: Some(source.clone()) };
        let delivered = flow.axiom.deliver(&to, packed, Instant::now() + BATCH_TRIES).await?;
        let origin = Origin { blob: source, created: OffsetDateTime::UNIX_EPOCH, dataset: to.dataset };
        Ok(flow.refused.keep(delivered, &origin).await?)
    }))
}

/// What became of a batch; none when there was none under way.
fn ended(task: Option<Result<Result<Kept, SendError>, JoinError>>) -> Result<Option<Kept>, SendError> {
    match task {
        Some(Ok(kept)) => kept.map(Some),
        Some(Err(error)) => std::panic::resume_unwind(error.into_panic()),
        None => Ok(None),
    }
}
