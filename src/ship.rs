//! The flow itself, top to bottom: one visit to one blob.

use std::sync::Arc;
use std::time::Duration;

use futures::stream::{FuturesOrdered, StreamExt as _};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::axiom::{Axiom, Cause, Destination, Tally, Undelivered};
use crate::azure::{Blobs, Properties, ReadError, StorageError};
use crate::batch::{Batch, BatchLimits};
use crate::refused::{Kept, Origin, RefusedRows};
use crate::report::{End, Visit};
use crate::settings::ZstdLevel;
use crate::settle::{self, Held, SettleError};
use crate::source::cut::Batches;
use crate::source::marks::Marks;
use crate::source::plan::{self, Leave, Plan, Policy, View};
use crate::wake::ExportBlob;

/// Looks after which a visit leaves a blob that changes under it to the next one.
const LOOKS: u32 = 5;

/// How long one batch is tried before the visit ends: the queue can wait, a held connection and a claim cost.
const BATCH_TRIES: Duration = Duration::from_secs(60);

/// Everything that a visit needs. Cheap to clone.
#[derive(Clone)]
pub struct Flow {
    /// The account that data export writes to.
    pub export: Blobs,
    /// Where rows go that Axiom will never take.
    pub refused: RefusedRows,
    /// Where rows go.
    pub axiom: Axiom,
    /// When a blob is settled, and what then.
    pub policy: Policy,
    /// Limits of a batch.
    pub limits: BatchLimits,
    /// POSTs in flight for a visit.
    pub uploads: usize,
    /// Compression.
    pub level: ZstdLevel,
}

/// Until when a visit may go on.
#[derive(Clone)]
pub struct Until {
    /// From here on nothing new is begun.
    pub deadline: Instant,
    /// Cancelled when nobody waits any more: the visit ends at the next commit.
    pub stop: CancellationToken,
}

/// Why a visit did not do its work. The blob stays, and a later visit goes on where this one was.
#[derive(Debug, thiserror::Error)]
pub enum ShipError {
    /// The blob cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The storage service did not do something.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The offset cannot be moved.
    #[error(transparent)]
    Settle(#[from] SettleError),
    /// Axiom did not take the rows.
    #[error(transparent)]
    Axiom(#[from] Undelivered),
}

/// Visits one blob: looks, claims, ships what is not delivered, commits in order, and deletes what is settled.
pub async fn visit(flow: &Flow, blob: &ExportBlob, until: &Until) -> Visit {
    let mut visit = Visit::begin(blob);
    let outcome = looks(flow, blob, until, &mut visit).await;
    visit.ended(outcome);
    visit
}

async fn looks(flow: &Flow, blob: &ExportBlob, until: &Until, visit: &mut Visit) -> Result<End, ShipError> {
    for _ in 0..LOOKS {
        if let Some(wait) = flow.axiom.paused() {
            return Err(Undelivered::Later { wait: Some(wait), cause: Cause::Paused, tally: Tally::default() }.into());
        }
        let seen_at = Instant::now();
        let Some(seen) = flow.export.properties(blob.container(), blob.name()).await? else { return Ok(End::Gone) };
        visit.saw(&seen);
        match plan::plan(&view(&seen), flow.policy) {
            Plan::Leave(why) => return Ok(End::Left(why)),
            Plan::Delete => {
                if settle::delete_settled(&flow.export, blob, &seen).await? {
                    return Ok(End::Deleted);
                }
            }
            Plan::Ship { from, settled } => {
                if let Some(end) = ship(flow, blob, until, visit, Stretch { seen, seen_at, from, settled }).await? {
                    return Ok(end);
                }
            }
        }
    }
    Ok(End::Changing)
}

struct Stretch {
    seen: Properties,
    seen_at: Instant,
    from: u64,
    settled: bool,
}

/// Ships a stretch; none when the blob changed before it could be claimed.
async fn ship(
    flow: &Flow,
    blob: &ExportBlob,
    until: &Until,
    visit: &mut Visit,
    stretch: Stretch,
) -> Result<Option<End>, ShipError> {
    let Stretch { seen, seen_at, from, settled } = stretch;
    let (created, length) = (seen.created, seen.length);
    let reader = flow.export.read(blob.container(), blob.name(), from, length, created);
    let mut batches = Batches::open(reader, from, settled, flow.limits);
    // The first batch is cut before anything is written: a visit that finds only an unfinished line must leave no trace, since our own
    // writes renew the time by which a blob counts as settled.
    let Some(first) = batches.next().await else { return Ok(Some(End::Left(Leave::Unfinished))) };
    let first = first?;
    let visit_id = visit.id().to_owned();
    let Some(mut held) = Held::claim(&flow.export, blob, &visit_id, seen, seen_at, from).await? else {
        return Ok(None);
    };
    let dataset = flow.axiom.dataset_for(first.table().as_deref(), blob.table());
    visit.dataset(&dataset);
    let route = Arc::new(Route {
        destination: Destination { dataset: dataset.clone(), blob: Some(blob.to_string()) },
        origin: Origin { blob: blob.to_string(), created, dataset },
        level: flow.level.for_backlog(length - from),
    });
    match deliver_all(flow, &route, until, visit, &mut held, batches, first).await {
        Ok(()) => {}
        Err(ShipError::Settle(error)) => return Err(error.into()),
        Err(error) => {
            // The claim would end by itself; given up now, the next visit need not wait. What was acknowledged in order is kept.
            if let Err(release) = held.release().await {
                tracing::warn!(blob = %blob, error = %release, "the claim could not be given up and ends by itself");
            }
            return Err(error);
        }
    }
    let complete = held.shipped() == held.length();
    if held.finish(settled, flow.policy).await? {
        return Ok(Some(End::Deleted));
    }
    Ok(Some(if complete || !until.over() { End::Shipped } else { End::MoreToDo }))
}

/// Where the batches of one stretch go.
struct Route {
    destination: Destination,
    origin: Origin,
    level: i32,
}

async fn deliver_all(
    flow: &Flow,
    route: &Arc<Route>,
    until: &Until,
    visit: &mut Visit,
    held: &mut Held<'_>,
    mut batches: Batches,
    first: Batch,
) -> Result<(), ShipError> {
    let mut under_way = FuturesOrdered::new();
    under_way.push_back(deliver(flow.clone(), route.clone(), first));
    let mut more = true;
    while more || !under_way.is_empty() {
        tokio::select! {
            biased;
            Some(kept) = under_way.next(), if !under_way.is_empty() => {
                settle(held, visit, &kept?)?;
                // Acknowledged meanwhile: one write for all of them. The order is that of the blob, so the offset never passes a gap.
                while let Some(Some(kept)) = futures::FutureExt::now_or_never(under_way.next()) {
                    settle(held, visit, &kept?)?;
                }
                // The last commit of a stretch is made together with giving up the claim, or is the delete.
                if more || !under_way.is_empty() {
                    held.commit().await?;
                }
            }
            batch = batches.next(), if more && under_way.len() < flow.uploads => match batch {
                Some(batch) => under_way.push_back(deliver(flow.clone(), route.clone(), batch?)),
                None => more = false,
            },
            () = tokio::time::sleep_until(held.renew_at()) => held.commit().await?,
            () = until.reached(), if more => {
                batches.close();
                more = false;
            }
        }
    }
    Ok(())
}

fn settle(held: &mut Held<'_>, visit: &mut Visit, kept: &Kept) -> Result<(), ShipError> {
    held.advance(kept)?;
    visit.settled(kept);
    Ok(())
}

/// One batch on its way, in a task of its own so that several are under way at once; aborted when the visit ends early.
async fn deliver(flow: Flow, route: Arc<Route>, batch: Batch) -> Result<Kept, ShipError> {
    let task = tokio::spawn(async move {
        let deadline = Instant::now() + BATCH_TRIES;
        let delivered = flow.axiom.deliver(&route.destination, batch, route.level, deadline).await?;
        Ok(flow.refused.keep(delivered, &route.origin).await?)
    });
    match AbortOnDropHandle::new(task).await {
        Ok(kept) => kept,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

fn view(seen: &Properties) -> View {
    View {
        length: seen.length,
        modified: seen.modified.unix_timestamp(),
        now: seen.now.unix_timestamp(),
        append: seen.append,
        marks: Marks::read(&seen.metadata),
    }
}

impl Until {
    /// True when the visit should begin nothing new.
    #[must_use]
    pub fn over(&self) -> bool {
        self.stop.is_cancelled() || Instant::now() >= self.deadline
    }

    async fn reached(&self) {
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = tokio::time::sleep_until(self.deadline) => {}
        }
    }
}
