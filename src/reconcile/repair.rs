//! Sends what Axiom lacks of a bin, and nothing that it has: by the rows' `_ItemId`.

use std::collections::HashSet;

use super::{BINS, Place};
use crate::axiom::query::AskError;
use crate::history::History;
use crate::history::job::Job;
use crate::history::read::{ReadError, Reader};
use crate::history::slice::Slice;
use crate::history::work::{WorkError, send_missing};
use crate::query::window::Window;

/// Why a bin is not repaired.
#[derive(Debug, thiserror::Error)]
pub enum RepairError {
    /// Axiom does not say what it has.
    #[error(transparent)]
    Axiom(#[from] AskError),
    /// The workspace does not say what it has.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The rows cannot be sent.
    #[error(transparent)]
    Work(#[from] WorkError),
    /// Nothing tells two rows apart.
    #[error("repair {0}: its rows have no _ItemId, so those that are missing cannot be told from those that are there")]
    NoId(String),
    /// Axiom gives so many ids and no more.
    #[error("repair {0}: Axiom has more than {BINS} rows of one instant there")]
    TooDense(Window),
}

/// Sends the rows of a bin that Axiom lacks; gives how many they were.
///
/// # Errors
/// [`RepairError`].
pub async fn repair(history: &History, job: &Job, place: &Place, bin: Window) -> Result<u64, RepairError> {
    let (mut sent, mut stack) = (0, vec![bin]);
    while let Some(window) = stack.pop() {
        let there = Reader::count_of(&history.log_analytics, job, window).await?;
        let here = place.count(&history.flow.axiom, window).await?;
        if there == here || there == 0 {
            continue;
        }
        if here > 0 && !job.source().has_item_id() {
            return Err(RepairError::NoId(job.name.clone()));
        }
        if here > BINS.unsigned_abs() {
            let halves = window.halves().ok_or(RepairError::TooDense(window))?;
            stack.extend(halves.into_iter().rev());
            continue;
        }
        let known: HashSet<String> = match here {
            0 => HashSet::new(),
            _ => place.ids(&history.flow.axiom, window).await?.into_iter().collect(),
        };
        let slice = Slice { window, rows: there, bytes: 0 };
        sent += send_missing(history, job, slice, &known).await?.rows();
    }
    Ok(sent)
}
