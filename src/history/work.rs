//! One slice, top to bottom: claim it, read it, send it, write it down. One machine that has a progress bar and many that are woken by a queue do this.

use std::collections::HashSet;

use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::History;
use super::deliver::{DeliverError, Delivery, Sent};
use super::job::Job;
use super::ledger::{Claim, Held, LedgerError, Record};
use super::read::{ReadError, Reader};
use super::slice::Slice;
use crate::azure::StorageError;
use crate::query::rows::Rows;
use crate::report::chain;

/// What became of a slice.
#[derive(Debug)]
pub enum Worked {
    /// It is done, by us.
    Done(Box<Record>),
    /// It was done before.
    Before,
    /// Somebody else is at it.
    Taken,
    /// The end was asked for before anything of it was sent.
    Stopped,
}

/// A slice was given up. It stays on the account as failed, and the next run tries it again.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// Its rows cannot be had.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Its rows cannot be sent.
    #[error(transparent)]
    Deliver(#[from] DeliverError),
    /// It cannot be written down.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Storage.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl WorkError {
    /// True when the next slice would meet the same error: people must mend something first.
    #[must_use]
    pub fn is_configuration(&self) -> bool {
        match self {
            Self::Read(ReadError::Ask(error)) => error.is_configuration(),
            Self::Deliver(DeliverError::Send(error)) => error.is_configuration(),
            Self::Deliver(DeliverError::NoArchive | DeliverError::NoTime) => true,
            Self::Storage(error)
            | Self::Deliver(DeliverError::Storage(error))
            | Self::Ledger(LedgerError::Storage(error)) => error.is_configuration(),
            Self::Read(_) | Self::Ledger(LedgerError::Lost(_)) => false,
        }
    }
}

/// Does a slice. `stop` ends it while nothing was sent; once rows are on their way they all go.
///
/// # Errors
/// [`WorkError`].
pub async fn work(history: &History, job: &Job, slice: Slice, stop: &CancellationToken) -> Result<Worked, WorkError> {
    let holder = format!("{:016x}", fastrand::u64(..));
    let mut held = match history.ledger.claim(&job.key(), slice, &holder).await? {
        Claim::Ours(held) => *held,
        Claim::Done => return Ok(Worked::Before),
        Claim::Taken => return Ok(Worked::Taken),
    };
    match read_and_send(history, job, &mut held, stop).await {
        Ok(Some(sent)) => Ok(Worked::Done(Box::new(held.done(&sent).await?))),
        Ok(None) => {
            held.release().await?;
            Ok(Worked::Stopped)
        }
        Err(WorkError::Ledger(error)) => Err(error.into()),
        Err(error) => {
            if let Err(unsaid) = held.failed(&chain(&error)).await {
                tracing::warn!(error = chain(&unsaid), "a slice that failed cannot be written down as such");
            }
            Err(error)
        }
    }
}

/// None when the end was asked for before anything was sent.
async fn read_and_send(
    history: &History,
    job: &Job,
    held: &mut Held,
    stop: &CancellationToken,
) -> Result<Option<Sent>, WorkError> {
    let slice = held.slice();
    let mut reader = Reader::new(&history.log_analytics, job, slice);
    let mut delivery = Delivery::new(&history.flow, history.archive.as_ref(), job, slice);
    let first = held.renewing(stop.run_until_cancelled(reader.next())).await?;
    let Some(first) = first else { return Ok(None) };
    let Some(first) = first? else { return Ok(Some(delivery.finish())) };
    if let (Some(archive), true) = (&history.archive, held.is_repeated()) {
        archive.remove(&job.name, slice.window).await?;
    }
    held.sending().await?;
    let rest = async {
        delivery.send(first).await?;
        while let Some(rows) = reader.next().await? {
            delivery.send(rows).await?;
        }
        Ok::<_, WorkError>(delivery.finish())
    };
    Ok(Some(held.renewing(rest).await??))
}

/// Sends the rows of a slice whose `_ItemId` is not among `known`.
///
/// # Errors
/// [`WorkError`].
pub async fn send_missing(
    history: &History,
    job: &Job,
    slice: Slice,
    known: &HashSet<String>,
) -> Result<Sent, WorkError> {
    let mut reader = Reader::new(&history.log_analytics, job, slice);
    let mut delivery = Delivery::new(&history.flow, history.archive.as_ref(), job, slice);
    while let Some(rows) = reader.next().await? {
        delivery.send(without(rows, known)).await?;
    }
    Ok(delivery.finish())
}

/// The rows whose id is not known. One without an id is sent: rather twice than never.
fn without(rows: Rows, known: &HashSet<String>) -> Rows {
    #[derive(Deserialize)]
    struct Row<'a> {
        #[serde(rename = "_ItemId", borrow)]
        id: Option<std::borrow::Cow<'a, str>>,
    }
    let mut left = Rows::default();
    for line in rows.lines.split_inclusive(|byte| *byte == b'\n') {
        let id = serde_json::from_slice::<Row<'_>>(line).ok().and_then(|row| row.id);
        if id.is_none_or(|id| !known.contains(&*id)) {
            left.lines.extend_from_slice(line);
            left.count += 1;
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_are_there_are_left_out() {
        let lines = b"{\"_ItemId\":\"a\"}\n{\"_ItemId\":\"b\"}\n{\"x\":1}\n".to_vec();
        let left = without(Rows { lines, count: 3, ..Rows::default() }, &HashSet::from(["a".to_owned()]));
        assert_eq!((left.lines, left.count), (b"{\"_ItemId\":\"b\"}\n{\"x\":1}\n".to_vec(), 2));
    }
}
