//! The rows of a slice, in pieces that one query can give, each as many as were counted.

use std::time::Duration;

use super::job::Job;
use super::plan::SLICE_ROWS;
use super::slice::Slice;
use crate::loganalytics::kql::{Part, Source, WHOLE};
use crate::loganalytics::{LogAnalytics, Plan};
use crate::query::AskError;
use crate::query::rows::Rows;
use crate::query::window::Window;

/// Times that rows and counts may differ before the piece is given up.
const AGREE: u32 = 5;

/// Pause between two looks at a piece whose rows and counts differ.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// Rows from which on a piece is cut without being asked for. The service would give 500,000; memory for five such replies is what nobody has.
const PIECE_ROWS: u64 = 2 * SLICE_ROWS;

/// Most parts of the rows of one tick.
const PARTS: u64 = 4096;

/// What is left to read of a slice, in order.
pub struct Reader<'a> {
    log_analytics: &'a LogAnalytics,
    source: Source,
    plan: Plan,
    stack: Vec<Piece>,
}

/// What one query is to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece {
    window: Window,
    part: Part,
    /// Rows that were counted in it, if it was counted.
    rows: Option<u64>,
}

/// The rows cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The workspace.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// The counts say one thing, the rows another.
    #[error(
        "read {window}: {counted} rows are counted there and {read} come, again and again (while rows still arrive, leave out the last hour)"
    )]
    Disagree {
        /// Where.
        window: Window,
        /// By the last count.
        counted: u64,
        /// By the last query.
        read: u64,
    },
    /// One tick, cut as fine as can be, is still too much.
    #[error("read the rows of {window}: they are too many or too large even one by one: {why}")]
    Indivisible {
        /// Where.
        window: Window,
        /// What the service says.
        why: String,
    },
}

impl<'a> Reader<'a> {
    /// Reads a slice as it was planned.
    #[must_use]
    pub fn new(log_analytics: &'a LogAnalytics, job: &Job, slice: Slice) -> Self {
        let whole = Piece { window: slice.window, part: WHOLE, rows: Some(slice.rows) };
        Self { log_analytics, source: job.source(), plan: job.plan, stack: vec![whole] }
    }

    /// How many rows a window has.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn count_of(log_analytics: &'a LogAnalytics, job: &Job, window: Window) -> Result<u64, ReadError> {
        let piece = Piece { window, part: WHOLE, rows: None };
        Self { log_analytics, source: job.source(), plan: job.plan, stack: Vec::new() }.count(piece).await
    }

    /// The rows of the next piece that has any; none when the whole slice was read.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn next(&mut self) -> Result<Option<Rows>, ReadError> {
        while let Some(piece) = self.stack.pop() {
            let counted = match piece.rows {
                Some(rows) => rows,
                None => self.count(piece).await?,
            };
            if counted > PIECE_ROWS {
                self.divide(Piece { rows: Some(counted), ..piece }, "more rows than memory is meant for")?;
                continue;
            }
            match self.read(piece, counted).await {
                Ok(rows) if rows.count == 0 => {}
                Ok(rows) => return Ok(Some(rows)),
                Err(ReadError::Ask(AskError::TooMuch(why))) => self.divide(piece, &why)?,
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Reads a piece until its rows are as many as are counted before and after. A reply that is short of rows and does not say so is not believed.
    async fn read(&self, piece: Piece, counted: u64) -> Result<Rows, ReadError> {
        let mut before = counted;
        for look in 1.. {
            let rows = self.ask(&self.source.rows(piece.window, piece.part), piece.window).await?;
            if rows.count == before {
                return Ok(rows);
            }
            let after = self.count(piece).await?;
            // Rows that arrived in between may be there or not.
            if rows.count == after || (before..=after).contains(&rows.count) {
                return Ok(rows);
            }
            if look == AGREE {
                return Err(ReadError::Disagree { window: piece.window, counted: after, read: rows.count });
            }
            before = after;
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        unreachable!("the last look returns")
    }

    async fn count(&self, piece: Piece) -> Result<u64, ReadError> {
        #[derive(serde::Deserialize)]
        struct Count {
            #[serde(rename = "Rows")]
            rows: u64,
        }
        let rows = self.ask(&self.source.count(piece.window, piece.part), piece.window).await?;
        let line = rows.lines.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let count: Count =
            serde_json::from_slice(line).map_err(|error| unreadable(format!("the count cannot be read: {error}")))?;
        Ok(count.rows)
    }

    async fn ask(&self, kql: &str, window: Window) -> Result<Rows, AskError> {
        self.log_analytics.ask(kql, window, self.plan).await
    }

    /// Puts the parts of a piece in its place.
    fn divide(&mut self, piece: Piece, why: &str) -> Result<(), ReadError> {
        let parts =
            divided(piece).ok_or_else(|| ReadError::Indivisible { window: piece.window, why: why.to_owned() })?;
        self.stack.extend(parts.into_iter().rev());
        Ok(())
    }
}

/// A reply that is none.
pub(super) fn unreadable(why: String) -> AskError {
    AskError::Trouble { service: "the workspace", why }
}

/// The parts of a piece: halves of its window; of a single tick parts by hash, as many as its rows need.
fn divided(piece: Piece) -> Option<Vec<Piece>> {
    if let Some(halves) = piece.window.halves() {
        return Some(halves.map(|window| Piece { window, part: piece.part, rows: None }).into());
    }
    let parts = piece.rows.map_or(2, |rows| rows.div_ceil(SLICE_ROWS)).max(2).min(PARTS / u64::from(piece.part.of));
    let parts = u32::try_from(parts).ok().filter(|parts| *parts > 1)?;
    Some(piece.part.divided(parts).map(|part| Piece { part, rows: None, ..piece }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::window::Ticks;

    fn piece(from: i64, to: i64, (index, of): (u32, u32), rows: Option<u64>) -> Piece {
        Piece { window: Window { from: Ticks(from), to: Ticks(to) }, part: Part { index, of }, rows }
    }

    #[test]
    fn windows_are_halved_to_the_tick_and_a_tick_is_cut_by_hash() {
        assert_eq!(
            divided(piece(0, 5, (0, 1), Some(9))),
            Some(vec![piece(0, 2, (0, 1), None), piece(2, 5, (0, 1), None)])
        );
        assert_eq!(divided(piece(7, 8, (0, 1), Some(150_001))).unwrap().len(), 4);
        assert_eq!(
            divided(piece(7, 8, (1, 2), None)),
            Some(vec![piece(7, 8, (1, 4), None), piece(7, 8, (3, 4), None)])
        );
        assert_eq!(divided(piece(7, 8, (0, 4096), None)), None);
        assert_eq!(divided(piece(7, 8, (0, 2048), Some(u64::MAX))).unwrap().len(), 2);
    }

    #[test]
    fn parts_by_hash_are_all_the_rows_each_once() {
        let mut leaves = vec![piece(7, 8, (0, 1), None)];
        for rows in [None, Some(150_000), None] {
            leaves = leaves.into_iter().flat_map(|leaf| divided(Piece { rows, ..leaf }).unwrap()).collect();
        }
        for hash in 0..10_000_u32 {
            let takes = leaves.iter().filter(|leaf| hash % leaf.part.of == leaf.part.index).count();
            assert_eq!(takes, 1, "{hash}");
        }
    }
}
