//! The delivery of one batch: the answer table of `answer`, acted on.

use std::io;

use super::answer::{Answer, Setback};
use super::compress::Zstd;
use super::labels::event_labels;
use super::outcome::{Cause, Delivered, Stop, Tally, Undelivered};
use super::packed::{Packed, pack};
use super::piece::{Piece, bytes_of, halves};
use super::tries::Tries;
use super::{Destination, Inner, advice};
use crate::batch::{Refused, Row, Span};
use crate::settings::AxiomSettings;

/// Times that rows are sent again after a success that cannot be read. More would mostly make duplicates: the status says that they are in.
const UNREADABLE: u32 = 3;

/// Times that a dataset may be missing after it was created. Its creation takes a moment to reach every edge.
const MISSING: u32 = 5;

/// The smallest size that a 413 makes us remember, in bytes; below it batches are halved one by one.
const SMALLEST_BODY: usize = 256 * 1024;

/// The delivery of one batch.
pub(super) struct Delivery<'a> {
    axiom: &'a Inner,
    to: &'a Destination,
    tries: Tries<'a>,
    level: i32,
    span: Span,
    rows: Vec<Row>,
    pieces: io::Result<Vec<Piece>>,
    /// Rows from the first one on that are in Axiom or handed over as refused.
    settled: usize,
    tally: Tally,
    refused: Vec<Refused>,
    warning: Option<String>,
    unreadable: u32,
    missing: u32,
}

impl<'a> Delivery<'a> {
    pub(super) fn new(axiom: &'a Inner, to: &'a Destination, packed: Packed, tries: Tries<'a>) -> Self {
        let Packed { span, rows, refused, body_bytes, level, pieces, .. } = packed;
        Self {
            axiom,
            to,
            tries,
            level,
            span,
            rows,
            pieces,
            settled: 0,
            tally: Tally { body_bytes, ..Tally::default() },
            refused,
            warning: None,
            unreadable: 0,
            missing: 0,
        }
    }

    pub(super) async fn run(mut self) -> Result<Delivered, Undelivered> {
        match self.send_all().await {
            Ok(()) => Ok(Delivered::new(self.span, self.tally, self.refused, self.warning)),
            Err(stop) => Err(stop.with(self.tally, self.part())),
        }
    }

    /// What is settled of a batch that was not finished. Pieces go in order, so it is the start of it, with the refused lines in between.
    fn part(self) -> Option<Delivered> {
        let end = self.rows.get(self.settled).filter(|_| self.settled > 0)?.source;
        let body_bytes = bytes_of(&self.rows, &(0..self.settled)).len() as u64;
        let refused = self.refused.into_iter().filter(|refused| refused.source < end).collect();
        Some(Delivered::new(Span { end, ..self.span }, Tally { body_bytes, ..self.tally }, refused, self.warning))
    }

    /// Sends what is on the stack of pieces until nothing is left; a piece comes off it only when each of its rows is in Axiom or set aside.
    async fn send_all(&mut self) -> Result<(), Stop> {
        let mut pieces = std::mem::replace(&mut self.pieces, Ok(Vec::new()))?;
        while let Some(piece) = pieces.pop() {
            self.tries.ready().await?;
            match self.send(&piece).await {
                Ok(Answer::Accepted { warning }) => self.accept(&piece, warning),
                Ok(Answer::Partly { reason, took_none }) => self.set_aside(piece, &reason, !took_none).await?,
                Ok(Answer::BadRows { reason }) => pieces.extend(self.divide(piece, &reason).await?),
                Ok(Answer::TooLarge { reason }) => {
                    let size = bytes_of(&self.rows, &piece.rows).len();
                    self.axiom.remember_too_large(size, SMALLEST_BODY);
                    pieces.extend(self.divide(piece, &reason).await?);
                }
                Ok(Answer::NoDataset { reason }) => {
                    self.create_dataset(&reason).await?;
                    pieces.push(piece);
                }
                Ok(Answer::Setback(setback)) => {
                    self.wait_out(setback, advice::ingest_refused).await?;
                    pieces.push(piece);
                }
                Err(error) => {
                    // The request may have arrived, so its outcome is unknown, and that counts as not delivered: rather twice than never.
                    self.tally.outcome_unknown |= !error.is_connect();
                    self.tries.rest(None, Cause::NoAnswer(error)).await?;
                    pieces.push(piece);
                }
            }
        }
        Ok(())
    }

    async fn send(&mut self, piece: &Piece) -> Result<Answer, reqwest::Error> {
        let rows = piece.rows.len() as u64;
        self.tally.requests += 1;
        self.tally.wire_bytes += piece.wire.len() as u64;
        if std::mem::take(&mut self.tally.outcome_unknown) {
            self.tally.repeats += 1;
            self.tally.repeated_rows += rows;
        }
        let blob = self.to.blob.as_deref().filter(|_| self.axiom.settings.provenance);
        let labels = blob.map(|blob| event_labels(blob, self.rows[piece.rows.start].source));
        self.axiom.http.ingest(&self.to.dataset, labels.as_deref(), piece.wire.clone(), rows).await
    }

    fn accept(&mut self, piece: &Piece, warning: Option<String>) {
        self.tally.rows += piece.rows.len() as u64;
        self.warning = warning.or(self.warning.take());
        self.axiom.storm.accepted(&self.to.dataset);
        self.move_on(piece.rows.end);
    }

    /// Halves a piece that Axiom does not take. A single row is set aside, unless it looks as if no row at all were taken.
    async fn divide(&mut self, piece: Piece, reason: &str) -> Result<Vec<Piece>, Stop> {
        if piece.rows.len() > 1 {
            let at = bytes_of(&self.rows, &piece.rows);
            let body = Zstd::expand(piece.wire, at.len()).await?;
            let parts = halves(&piece.rows);
            return Ok(pack(&self.axiom.zstd, &self.rows, body.into(), at.start, parts, self.level).await?);
        }
        if self.axiom.storm.refused(&self.to.dataset) && self.tally.rows == 0 {
            return Err(Stop::Configuration(advice::every_row_refused(&self.to.dataset, reason)));
        }
        self.set_aside(piece, reason, false).await?;
        Ok(Vec::new())
    }

    /// Hands over the rows of a piece as refused.
    async fn set_aside(&mut self, piece: Piece, reason: &str, perhaps_delivered: bool) -> Result<(), Stop> {
        let at = bytes_of(&self.rows, &piece.rows);
        let body = Zstd::expand(piece.wire, at.len()).await?;
        let end = piece.rows.end;
        for index in piece.rows {
            let row = bytes_of(&self.rows, &(index..index + 1));
            self.refused.push(Refused {
                source: self.rows[index].source,
                row: body[row.start - at.start..row.end - at.start - 1].to_vec(),
                reason: format!("Axiom: {reason}"),
                perhaps_delivered,
            });
        }
        self.move_on(end);
        Ok(())
    }

    /// Creates the missing dataset; afterwards the rows are sent once more at once, and from then on with growing waits.
    async fn create_dataset(&mut self, reason: &str) -> Result<(), Stop> {
        let dataset = &self.to.dataset;
        self.missing += 1;
        if !self.axiom.settings.create_datasets {
            return Err(Stop::Configuration(advice::create_by_hand(dataset, reason)));
        }
        if self.missing > MISSING {
            return Err(Stop::Configuration(advice::dataset_elsewhere(&self.axiom.settings, dataset, reason)));
        }
        let again = self.missing > 1;
        match self.axiom.datasets.ensure(&self.axiom.http, dataset, again).await {
            Ok(Ok(())) if again => {
                self.tries.rest(None, Cause::Answered { status: 404, reason: reason.to_owned() }).await
            }
            Ok(Ok(())) => Ok(()),
            Ok(Err(setback)) => {
                self.missing -= 1;
                self.wait_out(setback, advice::creation_refused).await
            }
            Err(error) => {
                self.missing -= 1;
                self.tries.rest(None, Cause::NoAnswer(error)).await
            }
        }
    }

    /// Waits until a setback may be over.
    async fn wait_out(
        &mut self,
        setback: Setback,
        advice: fn(&AxiomSettings, &str, u16, &str) -> String,
    ) -> Result<(), Stop> {
        match setback {
            Setback::Configuration { status, reason } => {
                Err(Stop::Configuration(advice(&self.axiom.settings, &self.to.dataset, status, &reason)))
            }
            Setback::Limit { status, reason, wait } => self.tries.limited(wait, Cause::Answered { status, reason }),
            Setback::Trouble { status, reason, wait, perhaps_taken } => {
                self.tally.outcome_unknown |= perhaps_taken;
                self.tries.rest(wait, Cause::Answered { status, reason }).await
            }
            Setback::Unreadable { reason } => {
                // Rather twice than never, here against all likelihood; hence only a few times.
                self.tally.outcome_unknown = true;
                self.unreadable += 1;
                match Cause::Unreadable(reason) {
                    cause if self.unreadable > UNREADABLE => Err(self.tries.give_up(None, cause)),
                    cause => self.tries.rest(None, cause).await,
                }
            }
        }
    }

    fn move_on(&mut self, settled: usize) {
        self.settled = settled;
        (self.tally.outcome_unknown, self.unreadable, self.missing) = (false, 0, 0);
        self.tries.progress();
    }
}
