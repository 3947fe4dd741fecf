//! The flow itself, top to bottom: one visit to one blob.

use std::time::Duration;

use futures::stream::{FuturesOrdered, StreamExt as _};
use time::OffsetDateTime;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::axiom::{Axiom, Packed, Undelivered};
use crate::azure::{Blobs, Properties, ReadError, StorageError};
use crate::batch::{Batch, BatchLimits, Span};
use crate::body::Room;
use crate::halted::Halted;
use crate::receipts::Receipts;
use crate::refused::{Origin, RefusedRows};
use crate::report::{End, Stage, Visit};
use crate::send::{self, Delivery, SendError};
use crate::settings::ZstdLevel;
use crate::settle::{self, Held, SettleError};
use crate::source::cut::{Batches, Cut};
use crate::source::marks::Marks;
use crate::source::plan::{self, Leave, Plan, Policy, View};
use crate::wake::ExportBlob;

/// Looks after which a visit leaves a blob that changes under it to the next one.
const LOOKS: u32 = 5;

/// How long one batch is tried before the visit ends: the queue can wait, a held connection and a claim cost.
const BATCH_TRIES: Duration = Duration::from_secs(60);

/// How long what is under way may take once nobody waits any more. Platforms kill 10 s after they asked (Docker's default, the shortest): by then the
/// claim must be given up.
const GRACE: Duration = Duration::from_secs(5);

/// Batches in [`Flow::room`]: enough to read into some while others are compressed. They never wait for Axiom, so a few suffice.
pub const ROOM: usize = 6;

/// Everything that a visit needs. Cheap to clone.
#[derive(Clone)]
pub struct Flow {
    /// The account that data export writes to.
    pub export: Blobs,
    /// What was delivered of blobs that are gone.
    pub receipts: Receipts,
    /// Where rows go that Axiom will never take.
    pub refused: RefusedRows,
    /// Where rows go.
    pub axiom: Axiom,
    /// When a blob is settled, and what then.
    pub policy: Policy,
    /// Limits of a batch.
    pub limits: BatchLimits,
    /// Memory for rows as they came, over all visits.
    pub room: Room,
    /// POSTs in flight for a visit.
    pub uploads: usize,
    /// Compression.
    pub level: ZstdLevel,
    /// Tables that are left alone.
    pub halted: Halted,
    /// How long a claim holds without being renewed.
    pub claim_for: Duration,
}

/// Until when a visit may go on.
#[derive(Clone)]
pub struct Until {
    /// From here on nothing new is begun.
    pub deadline: Instant,
    /// Cancelled when nobody waits any more: the visit ends when what is under way has its answer, and after a few seconds in any case.
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
    /// Somebody asked for the end, and what was under way took too long.
    #[error("wait for Axiom's answer after the end was asked for: what was under way is sent again by the next visit")]
    Stopped,
}

impl From<SendError> for ShipError {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Axiom(error) => Self::Axiom(error),
            SendError::Storage(error) => Self::Storage(error),
        }
    }
}

/// Visits one blob: looks, claims, ships what is not delivered, commits in order, and deletes what is settled.
pub async fn visit(flow: &Flow, blob: &ExportBlob, until: &Until) -> Visit {
    let mut visit = Visit::begin(blob);
    let outcome = looks(flow, blob, until, &mut visit).await;
    if let Err(ShipError::Axiom(Undelivered::Configuration { .. })) = outcome {
        flow.halted.halt(blob.table());
    }
    visit.ended(outcome);
    visit
}

async fn looks(flow: &Flow, blob: &ExportBlob, until: &Until, visit: &mut Visit) -> Result<End, ShipError> {
    if flow.halted.is_halted(blob.table()) {
        return Ok(End::Halted);
    }
    for _ in 0..LOOKS {
        if until.over() {
            return Ok(End::MoreToDo);
        }
        if let Some(wait) = flow.axiom.paused() {
            return Err(Undelivered::paused(wait).into());
        }
        let seen_at = Instant::now();
        let Some(seen) = flow.export.properties(blob.container(), blob.name()).await? else { return Ok(End::Gone) };
        visit.saw(&seen);
        match plan::plan(&view(&seen, visit.id()), flow.policy) {
            Plan::Leave(why) => return Ok(End::Left(why)),
            Plan::Delete => {
                if settle::delete_settled((&flow.export, &flow.receipts), blob, &seen, &Marks::read(&seen.metadata))
                    .await?
                {
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
    let marks = Marks::read(&seen.metadata).from(from);
    let read = {
        let (blobs, blob) = (flow.export.clone(), blob.clone());
        move |span: Span| blobs.read(blob.container(), blob.name(), span.start, span.end, created)
    };
    let waited = Duration::try_from(seen.now - seen.modified).unwrap_or_default();
    let level = flow.level.for_backlog(length - from, waited);
    let axiom = flow.axiom.clone();
    let pack = move |batch: Batch| {
        let axiom = axiom.clone();
        async move { axiom.pack(batch, level).await }
    };
    let cut = Cut { limits: flow.limits, room: flow.room.clone(), pack, settled };
    let mut batches = Batches::open(marks.gaps(length), read, cut);
    // The first batch is cut before anything is written: a visit that finds only an unfinished line must leave no trace, since our own
    // writes renew the time by which a blob counts as settled.
    let Some(first) = batches.next().await else { return Ok(Some(End::Left(Leave::Unfinished))) };
    let first = first?;
    visit.spent(Stage::Cut);
    visit.level(level);
    let visit_id = visit.id().to_owned();
    let Some(mut held) =
        Held::claim((&flow.export, &flow.receipts), blob, (&visit_id, flow.claim_for), seen, seen_at, marks).await?
    else {
        return Ok(None);
    };
    visit.spent(Stage::Claim);
    let route = Route { blob: blob.clone(), created, dataset: flow.axiom.dataset_for(None, blob.table()) };
    let delivered = deliver_all(flow, route, until, visit, &mut held, batches, first).await;
    visit.spent(Stage::Send);
    match delivered {
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
    let deleted = held.finish(settled, flow.policy).await?;
    visit.spent(Stage::Settle);
    if deleted {
        return Ok(Some(End::Deleted));
    }
    Ok(Some(if complete || !until.over() { End::Shipped } else { End::MoreToDo }))
}

/// Where the batches of one stretch go.
#[derive(Clone)]
struct Route {
    blob: ExportBlob,
    created: OffsetDateTime,
    dataset: String,
}

impl Route {
    /// The rows' own `Type` gives the table's case; a batch that names none goes where the one before it went.
    fn follow(&mut self, packed: &Packed, axiom: &Axiom) {
        if let Some(table) = packed.table() {
            self.dataset = axiom.dataset_for(Some(table), self.blob.table());
        }
    }
}

/// Sends the batches, several at a time, and commits in order. After a failure nothing new is begun, but what is under way gets its answer: a request
/// that is cut off may be taken all the same, and what Axiom took must not be sent again.
async fn deliver_all(
    flow: &Flow,
    mut route: Route,
    until: &Until,
    visit: &mut Visit,
    held: &mut Held<'_>,
    mut batches: Batches<Packed>,
    first: Packed,
) -> Result<(), ShipError> {
    let mut send = |packed: Packed, visit: &mut Visit| {
        route.follow(&packed, &flow.axiom);
        visit.dataset(&route.dataset);
        deliver(flow.clone(), route.clone(), packed)
    };
    let mut under_way = FuturesOrdered::new();
    under_way.push_back(send(first, visit));
    let (mut more, mut failed, mut uncommitted) = (true, None, false);
    let mut overdue = std::pin::pin!(until.overdue());
    while more || !under_way.is_empty() {
        tokio::select! {
            biased;
            // The order is that of the blob, so the offset never passes a gap.
            Some(sent) = under_way.next(), if !under_way.is_empty() => {
                settle(held, visit, sent, &mut failed);
                more &= failed.is_none();
                uncommitted = true;
            }
            () = &mut overdue => return Err(ShipError::Stopped),
            () = until.reached(), if more => {
                batches.close();
                more = false;
            }
            batch = batches.next(), if more && under_way.len() < flow.uploads => match batch {
                Some(Ok(batch)) => under_way.push_back(send(batch, visit)),
                Some(Err(error)) => (more, failed) = (false, Some(error.into())),
                None => more = false,
            },
            // Behind all of these, so that one write does for whatever is acknowledged, and Axiom need not wait for the storage service. The last
            // commit of a stretch is made together with giving up the claim, or is the delete.
            () = std::future::ready(()), if uncommitted && failed.is_none() => {
                commit(held, &mut failed).await?;
                uncommitted = false;
            }
            () = tokio::time::sleep_until(held.renew_at()) => commit(held, &mut failed).await?,
        }
    }
    failed.map_or(Ok(()), Err)
}

/// Takes what became of a batch into the marks.
fn settle(held: &mut Held<'_>, visit: &mut Visit, delivery: Delivery, failed: &mut Option<ShipError>) {
    if let Some(kept) = delivery.kept {
        held.settle(&kept);
        visit.settled(&kept);
    }
    *failed = failed.take().or(delivery.error.map(ShipError::from));
}

/// Stores the marks and renews the claim. Storage that does not answer is a failure as any other: they are stored once more when the claim is given up.
async fn commit(held: &mut Held<'_>, failed: &mut Option<ShipError>) -> Result<(), SettleError> {
    match held.commit().await {
        Err(SettleError::Storage(error)) => *failed = failed.take().or(Some(error.into())),
        outcome => outcome?,
    }
    Ok(())
}

/// One batch on its way, in a task of its own so that several are under way at once; aborted when the claim is lost.
async fn deliver(flow: Flow, route: Route, packed: Packed) -> Delivery {
    let task = tokio::spawn(async move {
        let Route { blob, created, dataset } = route;
        let origin = Origin { blob: blob.to_string(), created, dataset };
        send::deliver(&flow, &origin, packed, Instant::now() + BATCH_TRIES).await
    });
    match AbortOnDropHandle::new(task).await {
        Ok(delivery) => delivery,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

fn view(seen: &Properties, visit: &str) -> View {
    View {
        length: seen.length,
        modified: seen.modified.unix_timestamp(),
        now: seen.now.unix_timestamp(),
        append: seen.append,
        marks: Marks::read(&seen.metadata).seen_by(visit),
    }
}

impl Until {
    /// True when the visit should begin nothing new.
    #[must_use]
    pub fn over(&self) -> bool {
        self.stop.is_cancelled() || Instant::now() >= self.deadline
    }

    async fn overdue(&self) {
        self.stop.cancelled().await;
        tokio::time::sleep(GRACE).await;
    }

    /// When something was under way at the end, and its answer is a few seconds late.
    pub(crate) async fn long_over(&self) {
        self.reached().await;
        tokio::time::sleep(GRACE).await;
    }

    /// When nothing new may be begun.
    pub(crate) async fn reached(&self) {
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = tokio::time::sleep_until(self.deadline) => {}
        }
    }
}
