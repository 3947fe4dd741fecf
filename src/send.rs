//! Rows in memory on their way to Axiom: the same flow as for a blob (lines, rows that are checked, batches), and never one batch with live rows in it.

use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt as _};
use time::OffsetDateTime;
use tokio::task::JoinError;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use crate::axiom::{Destination, Packed, Undelivered};
use crate::azure::StorageError;
use crate::batch::{Batch, Batcher, Span};
use crate::lines::Lines;
use crate::refused::{Kept, Origin};
use crate::ship::Flow;

/// How long rows are tried: nobody waits for them, and what is given up half-way is sent again.
const TRIES: Duration = Duration::from_secs(3600);

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

/// What became of rows in a given time.
#[derive(Debug, Default)]
pub struct Sent {
    /// What arrived.
    pub arrived: Arrived,
    /// What did not, as stretches of the lines in bytes from their `offset` on.
    pub left: Vec<Span>,
    /// True when rows of what is left may be in Axiom all the same.
    pub left_perhaps_delivered: bool,
    /// Why something is left.
    pub error: Option<SendError>,
}

/// Sends lines to a dataset. `source` is what stands in `source_blob` and what refused rows are kept under; the lines begin at its `offset`, in bytes.
///
/// # Errors
/// [`SendError`]; some of the rows may have arrived all the same.
pub async fn send(flow: &Flow, dataset: &str, source: (&str, u64), lines: &[u8]) -> Result<Arrived, SendError> {
    let sent = send_until(flow, dataset, source, lines, Instant::now() + TRIES).await;
    sent.error.map_or(Ok(sent.arrived), Err)
}

/// As [`send`], until a deadline. After an error nothing new is begun, but what is under way gets its answer: what Axiom took need not be sent again.
pub async fn send_until(
    flow: &Flow,
    dataset: &str,
    (source, offset): (&str, u64),
    lines: &[u8],
    deadline: Instant,
) -> Sent {
    let origin = Origin { blob: source.to_owned(), created: OffsetDateTime::UNIX_EPOCH, dataset: dataset.to_owned() };
    let (mut cutter, mut batcher) = (Lines::new(offset), Batcher::new(flow.limits, offset));
    let (mut full, mut under_way, mut sent) = (Vec::new(), FuturesUnordered::new(), Sent::default());
    let mut chunks = lines.chunks(CHUNK);
    let mut more = true;
    while more {
        match chunks.next() {
            Some(chunk) => {
                if batcher.wants_body() {
                    batcher.move_to(flow.room.body().await);
                }
                cutter.feed(chunk, |line| full.extend(batcher.push(line)));
            }
            None => {
                full.extend(batcher.cut());
                more = false;
            }
        }
        for batch in full.drain(..) {
            while under_way.len() >= flow.uploads && sent.error.is_none() {
                sent.add(under_way.next().await);
            }
            if sent.error.is_some() {
                sent.left.push(Span { start: batch.span.start, end: offset + lines.len() as u64 });
                more = false;
                break;
            }
            under_way.push(begin(flow.clone(), origin.clone(), batch, deadline));
        }
    }
    while !under_way.is_empty() {
        sent.add(under_way.next().await);
    }
    sent
}

/// A batch on its way in a task of its own. It holds memory out of the room until it is compressed: were it to wait for us, and we for memory, nobody would
/// go on.
fn begin(flow: Flow, origin: Origin, batch: Batch, deadline: Instant) -> AbortOnDropHandle<(Span, Delivery)> {
    AbortOnDropHandle::new(tokio::spawn(async move {
        let span = batch.span;
        // Nobody waits, and egress is the bill.
        let level = flow.level.for_backlog(0, Duration::ZERO);
        let packed = flow.axiom.pack(batch, level).await;
        (span, deliver(&flow, &origin, packed, deadline).await)
    }))
}

/// What became of a batch.
#[derive(Debug)]
pub struct Delivery {
    /// The part of it, from its start on, that is in Axiom or set aside.
    pub kept: Option<Kept>,
    /// Why it is not all.
    pub error: Option<SendError>,
}

/// Delivers a batch, and sets aside what Axiom will never take of it.
pub async fn deliver(flow: &Flow, origin: &Origin, packed: Packed, deadline: Instant) -> Delivery {
    let to = Destination { dataset: origin.dataset.clone(), blob: Some(origin.blob.clone()) };
    let (delivered, error) = match flow.axiom.deliver(&to, packed, deadline).await {
        Ok(delivered) => (Some(delivered), None),
        Err(mut undelivered) => (undelivered.take_part(), Some(undelivered.into())),
    };
    let Some(delivered) = delivered else { return Delivery { kept: None, error } };
    match flow.refused.keep(delivered, origin).await {
        Ok(kept) => Delivery { kept: Some(kept), error },
        Err(storage) => Delivery { kept: None, error: error.or(Some(storage.into())) },
    }
}

impl Sent {
    fn add(&mut self, ended: Option<Result<(Span, Delivery), JoinError>>) {
        let (span, Delivery { kept, error }) = match ended {
            Some(Ok(ended)) => ended,
            Some(Err(error)) => std::panic::resume_unwind(error.into_panic()),
            None => return,
        };
        let mut settled = span.start;
        if let Some(kept) = kept {
            settled = kept.span().end;
            let tally = kept.delivered().tally();
            self.arrived.rows += tally.rows;
            self.arrived.set_aside += kept.set_aside();
            self.arrived.perhaps_twice += tally.repeated_rows;
        }
        let Some(error) = error else { return };
        self.left.push(Span { start: settled, end: span.end });
        self.left_perhaps_delivered |= match &error {
            SendError::Axiom(undelivered) => undelivered.tally().outcome_unknown,
            SendError::Storage(_) => true, // What Axiom took of the batch is not known here any more.
        };
        self.error.get_or_insert(error);
    }
}
