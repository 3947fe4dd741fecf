//! Messages of an Event Hub: Defender for Cloud's continuous export, Azure Monitor's diagnostic settings, data export of Log Analytics.
//!
//! The Functions host hands over a batch and moves its checkpoint once we have answered. So by then every object of the batch is in Axiom, or waits in the
//! host's account until a sweep delivers it, or is set aside with its reason. Only where storage fails, too, the answer is a failure: then the host calls
//! again with the same batch, for as long as it takes (`retry` in function.json).

pub mod kind;
mod reached;
pub mod rows;
mod waiting;

use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt as _};
use time::OffsetDateTime;
use tokio::time::Instant;

use crate::azure::{Blobs, StorageError};
use crate::batch::{Refused, Span};
use crate::refused::Origin;
use crate::send::{self, Sent};
use crate::ship::{Flow, Until};
use crate::wake::{EventHubWake, Message};

use reached::Reached;
use rows::{Bad, Rows};
pub use waiting::Replayed;
use waiting::Waiting;

/// How long Axiom is tried before rows are left to the sweep: meanwhile the partition stands still.
const TRIES: Duration = Duration::from_secs(60);

/// The way of a message.
#[derive(Clone)]
pub struct EventHub {
    flow: Flow,
    blobs: Blobs,
    container: String,
    waiting: Waiting,
}

/// What became of a batch of messages.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// Messages of the batch.
    pub messages: u64,
    /// Messages among them that were delivered before, and are not again: the host gives a batch twice when a partition moves to another instance.
    pub known: u64,
    /// Rows that Axiom has acknowledged.
    pub rows: u64,
    /// Rows that wait in the host's account for a sweep.
    pub waiting: u64,
    /// Objects that were set aside.
    pub set_aside: u64,
    /// Rows that Axiom may hold twice.
    pub perhaps_twice: u64,
}

impl EventHub {
    /// The way of messages over this container of the host's account.
    #[must_use]
    pub fn new(flow: Flow, host: Blobs, container: &str, claim_for: Duration) -> Self {
        let waiting = Waiting::new(host.clone(), container, claim_for);
        Self { flow, blobs: host, container: container.to_owned(), waiting }
    }

    /// Takes a batch.
    ///
    /// # Errors
    /// Storage: some rows may have been delivered all the same, and are again with the next call.
    pub async fn receive(&self, wake: EventHubWake, until: &Until) -> Result<Received, StorageError> {
        let mut received = Received { messages: wake.messages.len() as u64, ..Received::default() };
        let fresh = self.fresh(&wake).await;
        received.known = received.messages - fresh.len() as u64;
        let source = source(&wake, &fresh);
        let rows = Rows::of(&fresh, self.flow.limits.row_bytes);
        self.set_aside(&rows, &source).await?;
        received.set_aside = rows.bad.len() as u64;
        if wake.again {
            received.perhaps_twice = rows.rows;
        }
        let deadline = until.deadline.min(Instant::now() + TRIES);
        let mut tables: FuturesUnordered<_> =
            rows.tables.iter().map(|(table, lines)| self.table(table, lines, &source, deadline)).collect();
        while let Some(of_table) = tables.next().await {
            let Received { rows, waiting, set_aside, perhaps_twice, .. } = of_table?;
            received.rows += rows;
            received.waiting += waiting;
            received.set_aside += set_aside;
            received.perhaps_twice += perhaps_twice;
        }
        self.reached(&wake).await;
        Ok(received)
    }

    /// Delivers what waits, as far as Axiom takes it.
    ///
    /// # Errors
    /// What waits cannot be listed.
    pub async fn replay(&self, until: &Until) -> Result<Replayed, StorageError> {
        self.waiting.replay(&self.flow, until).await
    }

    /// The messages that were not delivered before.
    async fn fresh(&self, wake: &EventHubWake) -> Vec<Message> {
        let Some(partition) = &wake.partition else { return wake.messages.clone() };
        match Reached::read(&self.blobs, &self.container, partition).await {
            Ok(reached) => {
                wake.messages.iter().filter(|message| !reached.is_some_and(|r| r.knows(message))).cloned().collect()
            }
            // Rather twice than never.
            Err(error) => {
                tracing::warn!(
                    error = crate::report::chain(&error),
                    "what was delivered of the partition is not known"
                );
                wake.messages.clone()
            }
        }
    }

    /// Writes down how far the partition is delivered. It only keeps a repeated batch from being delivered again, so no batch fails for it.
    async fn reached(&self, wake: &EventHubWake) {
        let (Some(partition), Some(reached)) = (&wake.partition, Reached::by(&wake.messages)) else { return };
        if let Err(error) = reached.write(&self.blobs, &self.container, partition).await {
            tracing::warn!(error = crate::report::chain(&error), "how far the partition is delivered is not kept");
        }
    }

    async fn set_aside(&self, rows: &Rows, source: &str) -> Result<(), StorageError> {
        let dataset = self.flow.axiom.dataset_for(Some(kind::OTHER), kind::OTHER);
        let origin = Origin { blob: source.to_owned(), created: OffsetDateTime::UNIX_EPOCH, dataset };
        let refused = |bad: &Bad| Refused {
            source: bad.number,
            row: bad.object.clone(),
            reason: bad.reason.to_string(),
            perhaps_delivered: false,
        };
        let span = Span { start: 0, end: rows.bad.last().map_or(0, |bad| bad.number + 1) };
        self.flow.refused.set_aside(&rows.bad.iter().map(refused).collect::<Vec<_>>(), &origin, span).await
    }

    /// Delivers the rows of a table; those that Axiom does not take in time wait.
    async fn table(
        &self,
        table: &str,
        lines: &[u8],
        source: &str,
        deadline: Instant,
    ) -> Result<Received, StorageError> {
        let dataset = self.flow.axiom.dataset_for(Some(table), table);
        let source = format!("{source}/{table}");
        let sent = send::send_until(&self.flow, &dataset, (&source, 0), lines, deadline).await;
        let left = left(&sent, lines);
        let waiting = memchr::memchr_iter(b'\n', &left).count() as u64;
        if let Some(error) = &sent.error {
            tracing::warn!(table, dataset, waiting, error = crate::report::chain(error), "rows wait for the sweep");
            self.waiting.put(table, &source, left, sent.left_perhaps_delivered).await?;
        }
        let arrived = sent.arrived;
        Ok(Received {
            rows: arrived.rows,
            waiting,
            set_aside: arrived.set_aside,
            perhaps_twice: arrived.perhaps_twice,
            ..Received::default()
        })
    }
}

/// The lines that did not arrive.
fn left(sent: &Sent, lines: &[u8]) -> Vec<u8> {
    let mut spans = sent.left.clone();
    spans.sort_unstable_by_key(|span| span.start);
    let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(lines.len());
    spans.iter().flat_map(|span| &lines[place(span.start)..place(span.end)]).copied().collect()
}

/// What a batch is called: the same when it comes again, where the host says which it is.
fn source(wake: &EventHubWake, fresh: &[Message]) -> String {
    let first = fresh.first().and_then(|message| message.sequence);
    match (&wake.partition, first) {
        (Some(partition), Some(first)) => format!("{}/{}/{first:020}", partition.reader, partition.id),
        _ => format!("unknown/{:016x}", fastrand::u64(..)),
    }
}
