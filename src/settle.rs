//! The only place that moves an offset or deletes a blob.
//!
//! Stages consume each other: a [`Batch`](crate::batch::Batch) becomes [`Delivered`](crate::axiom::Delivered) in `axiom/` alone, that becomes [`Kept`] once the rows that
//! Axiom will never take are set aside, and only `Kept` moves the offset here. "Delete before delivered" does not type-check.

use std::time::Duration;

use tokio::time::Instant;

use crate::azure::{Blobs, Outcome, Properties, StorageError};
use crate::receipts::{Receipt, Receipts};
use crate::refused::Kept;
use crate::source::marks::{Claim, Marks};
use crate::source::plan::{self, Conflict, Policy};
use crate::wake::ExportBlob;

/// Refused writes in a row after which a visit gives up: a blob that grows between every look and write is served by the next visit.
const CONFLICTS: u32 = 20;

/// A blob that this visit has claimed.
pub struct Held<'a> {
    blobs: &'a Blobs,
    receipts: &'a Receipts,
    blob: &'a ExportBlob,
    visit: &'a str,
    /// How long its claim holds without being renewed.
    claim_for: Duration,
    properties: Properties,
    seen_at: Instant,
    marks: Marks,
}

/// Why a claimed blob cannot be written to.
#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    /// Another visit, or another blob of the same name: nothing more may be written.
    #[error("blob {blob} is not this visit's any more ({conflict:?})")]
    Lost {
        /// The blob.
        blob: String,
        /// What was found.
        conflict: Conflict,
    },
    /// The blob is gone.
    #[error("blob {0} was deleted by someone else during the visit")]
    Gone(String),
    /// The service did not do it.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Deletes a blob of which everything was delivered before, if it is still as it was seen. True when it is gone by our hand. Its counts go with it, so they
/// are written down first: whoever is killed in between leaves both, and the same counts are written again.
///
/// # Errors
/// As [`Receipts::write`] and [`Blobs::delete`].
pub async fn delete_settled(
    (blobs, receipts): (&Blobs, &Receipts),
    blob: &ExportBlob,
    seen: &Properties,
    marks: &Marks,
) -> Result<bool, StorageError> {
    receipts.write(blob, &Receipt::new(blob, seen, marks)).await?;
    let mut outcome = blobs.delete(blob.container(), blob.name(), &seen.version).await?;
    if outcome != Outcome::Done(None) && blobs.properties(blob.container(), blob.name()).await?.is_none() {
        // The delete was ours and its answer was lost (a repeat then meets 404 or 412), or someone else's: gone either way.
        outcome = Outcome::Done(None);
    }
    Ok(outcome == Outcome::Done(None))
}

impl<'a> Held<'a> {
    /// Claims a blob as it was seen, for the visit of this name and for so long; none when it has changed since. A visit that is killed blocks its
    /// blob until then.
    ///
    /// # Errors
    /// As [`Blobs::set_metadata`].
    pub async fn claim(
        (blobs, receipts): (&'a Blobs, &'a Receipts),
        blob: &'a ExportBlob,
        (visit, claim_for): (&'a str, Duration),
        seen: Properties,
        seen_at: Instant,
        marks: Marks,
    ) -> Result<Option<Self>, StorageError> {
        let mut held = Self { blobs, receipts, blob, visit, claim_for, properties: seen, seen_at, marks };
        held.marks.claim = Some(held.fresh_claim());
        match held.marks.store(blobs, blob, &held.properties).await? {
            Outcome::Done(Some(version)) => {
                held.properties.version = version;
                Ok(Some(held))
            }
            _ => Ok(None),
        }
    }

    /// Bytes from the start that are settled, stored on the blob or not yet.
    #[must_use]
    pub fn shipped(&self) -> u64 {
        self.marks.shipped
    }

    /// The blob's length when it was last seen, in bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.properties.length
    }

    /// Takes a stretch whose rows are delivered or set aside into the marks; [`Held::commit`] stores them. In order, the offset moves over it. Behind a
    /// stretch that failed it is remembered as settled ahead, so that the next visit does not send it again.
    pub fn settle(&mut self, kept: &Kept) {
        self.marks.rows += kept.delivered().tally().rows;
        self.marks.set_aside += kept.set_aside();
        if !self.marks.advance(kept.span()) {
            self.marks.keep_ahead(kept.span());
        }
    }

    /// Stores the offset and a renewed claim.
    ///
    /// # Errors
    /// [`SettleError`]; after `Lost` and `Gone` nothing more may be written.
    pub async fn commit(&mut self) -> Result<(), SettleError> {
        self.marks.claim = Some(self.fresh_claim());
        self.store().await
    }

    /// Stores the offset and gives the claim up. True when nothing was appended since the last look.
    ///
    /// # Errors
    /// As [`Held::commit`].
    pub async fn release(mut self) -> Result<bool, SettleError> {
        let length = self.properties.length;
        self.marks.claim = None;
        self.store().await?;
        Ok(self.properties.length == length)
    }

    /// Deletes the blob when all that the service holds of it is delivered and it was settled, else gives the claim up. True when deleted.
    ///
    /// # Errors
    /// As [`Held::commit`].
    pub async fn finish(self, settled: bool, policy: Policy) -> Result<bool, SettleError> {
        if plan::may_delete(self.marks.shipped, self.properties.length, settled, policy)
            && delete_settled((self.blobs, self.receipts), self.blob, &self.properties, &self.marks).await?
        {
            return Ok(true);
        }
        self.release().await?;
        Ok(false)
    }

    /// When the claim should be renewed at the latest: two tries more fit in before it ends.
    #[must_use]
    pub fn renew_at(&self) -> Instant {
        self.seen_at + self.claim_for / 3
    }

    async fn store(&mut self) -> Result<(), SettleError> {
        for _ in 0..CONFLICTS {
            let outcome = self.marks.store(self.blobs, self.blob, &self.properties).await?;
            if let Outcome::Done(Some(version)) = outcome {
                self.properties.version = version;
                return Ok(());
            }
            if self.look_again().await? {
                return Ok(());
            }
        }
        Err(StorageError::busy(self.blob.to_string()).into())
    }

    /// Looks after a refused write. True when the marks stand there as they were to be written: the write was ours, and only its answer was lost.
    async fn look_again(&mut self) -> Result<bool, SettleError> {
        let seen = self.blobs.properties(self.blob.container(), self.blob.name()).await?;
        let Some(seen) = seen else { return Err(SettleError::Gone(self.blob.to_string())) };
        let (created, created_now) = (self.properties.created.unix_timestamp(), seen.created.unix_timestamp());
        match plan::after_conflict(self.visit, created, created_now, &Marks::read(&seen.metadata), &self.marks) {
            conflict @ (Conflict::Ours | Conflict::Done) => {
                self.properties = seen;
                self.seen_at = Instant::now();
                Ok(conflict == Conflict::Done)
            }
            conflict => Err(SettleError::Lost { blob: self.blob.to_string(), conflict }),
        }
    }

    fn fresh_claim(&mut self) -> Claim {
        // The storage service's clock, carried on by ours since the last look: two machines with clocks apart agree on when a claim ends.
        let elapsed = self.seen_at.elapsed();
        self.properties.now += elapsed;
        self.seen_at += elapsed;
        Claim { visit: self.visit.to_owned(), until: (self.properties.now + self.claim_for).unix_timestamp() }
    }
}
