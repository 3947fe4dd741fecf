//! From lines to batches: bodies within Axiom's limits, cut by bytes and rows alone, so that a repeat from the same offset cuts the same. Pure.

use crate::body::Body;
use crate::lines::{self, Line};

/// Limits of one batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    /// Largest body, in bytes of raw rows including their newlines.
    pub bytes: usize,
    /// Most rows; Axiom's documented limit is 10,000 events for a batch ("Limits").
    pub rows: usize,
    /// Largest row that is sent, in bytes.
    pub row_bytes: usize,
}

/// A stretch of the source, in bytes: `start..end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Span {
    /// First byte.
    pub start: u64,
    /// First byte after it.
    pub end: u64,
}

/// One row of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Where the row ends in the body, its newline included.
    pub end: usize,
    /// Where the row starts in the source, in bytes.
    pub source: u64,
}

/// A row (or piece of one) that will not be sent, with the reason for people to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Where it starts in the source, in bytes.
    pub source: u64,
    /// Its bytes, without the line end.
    pub row: Vec<u8>,
    /// Why.
    pub reason: String,
    /// True where Axiom may hold the row all the same: it took a part of the batch and did not say which.
    pub perhaps_delivered: bool,
}

/// Whole rows of one source that are sent together, and the lines between them that cannot be sent.
#[derive(Debug, PartialEq, Eq)]
pub struct Batch {
    /// What this batch covers in the source, without a gap to the batch before.
    pub span: Span,
    /// The rows, each followed by `\n`, exactly as they came.
    pub body: Body,
    /// Where each row ends, in order.
    pub rows: Vec<Row>,
    /// What was found to be no row.
    pub refused: Vec<Refused>,
}

impl Batch {
    /// The row with this index, without its newline.
    #[must_use]
    pub fn row(&self, index: usize) -> &[u8] {
        let start = if index == 0 { 0 } else { self.rows[index - 1].end };
        &self.body[start..self.rows[index].end - 1]
    }

    /// The table that the first row names; where no row can be sent, the first that names one all the same, such as a row that is too large.
    #[must_use]
    pub fn table(&self) -> Option<String> {
        match self.rows.first() {
            Some(_) => lines::table_of(self.row(0)),
            None => self.refused.iter().find_map(|refused| lines::table_of(&refused.row)),
        }
    }
}

/// Collects lines until a batch is full.
#[derive(Debug)]
pub struct Batcher {
    limits: BatchLimits,
    batch: Batch,
    refused_bytes: usize,
}

impl Batcher {
    /// Batches of a source that is read from `offset` on.
    #[must_use]
    pub fn new(limits: BatchLimits, offset: u64) -> Self {
        Self { limits, batch: empty(offset), refused_bytes: 0 }
    }

    /// Whether the batch that is being collected should be given a body: it grows in memory beside the room so far.
    #[must_use]
    pub fn wants_body(&self) -> bool {
        !self.batch.body.is_housed()
    }

    /// Goes on in `body`, which is empty. What was collected moves over.
    pub fn move_to(&mut self, mut body: Body) {
        body.extend_from_slice(&self.batch.body);
        self.batch.body = body;
    }

    /// Adds a line; gives the batch before it when the line no longer fits.
    pub fn push(&mut self, line: Line<'_>) -> Option<Batch> {
        let full = self.is_full_for(line).then(|| self.cut()).flatten();
        self.batch.span.end = line.end;
        if line.piece {
            let reason = format!("piece of a line of more than {} bytes", lines::LONGEST_LINE);
            self.refuse(line, reason);
        } else if lines::is_blank(line.bytes) {
        } else if let Err(bad) = lines::check_row(line.bytes, self.limits.row_bytes) {
            self.refuse(line, bad.to_string());
        } else {
            self.batch.body.extend_from_slice(line.bytes);
            self.batch.body.push(b'\n');
            self.batch.rows.push(Row { end: self.batch.body.len(), source: line.start });
        }
        full
    }

    /// Gives what has been collected, if it covers anything.
    pub fn cut(&mut self) -> Option<Batch> {
        let next = empty(self.batch.span.end);
        self.refused_bytes = 0;
        Some(std::mem::replace(&mut self.batch, next)).filter(|batch| batch.span.start < batch.span.end)
    }

    fn is_full_for(&self, line: Line<'_>) -> bool {
        // Refused bytes count too: a blob full of garbage must not be held in memory.
        self.batch.body.len() + self.refused_bytes + line.bytes.len() + 1 > self.limits.bytes
            || self.batch.rows.len() + self.batch.refused.len() >= self.limits.rows
    }

    fn refuse(&mut self, line: Line<'_>, reason: String) {
        self.refused_bytes += line.bytes.len();
        self.batch.refused.push(Refused {
            source: line.start,
            row: line.bytes.to_vec(),
            reason,
            perhaps_delivered: false,
        });
    }
}

fn empty(offset: u64) -> Batch {
    Batch { span: Span { start: offset, end: offset }, body: Body::default(), rows: Vec::new(), refused: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::Room;
    use crate::lines::Lines;

    const LIMITS: BatchLimits = BatchLimits { bytes: 30, rows: 3, row_bytes: 20 };

    fn batches(text: &[u8], offset: u64) -> Vec<Batch> {
        let (mut lines, mut batcher, mut out) = (Lines::new(offset), Batcher::new(LIMITS, offset), Vec::new());
        lines.feed(text, |line| out.extend(batcher.push(line)));
        out.extend(batcher.cut());
        out
    }

    #[test]
    fn cuts_by_bytes_and_by_rows() {
        let text = b"{\"a\":1}\n{\"a\":22}\n{\"a\":333}\n{\"a\":4}\n{}\n{}\n{}\n{}\n";
        let out = batches(text, 7);
        let sizes: Vec<_> = out.iter().map(|batch| (batch.rows.len(), batch.body.len())).collect();
        assert_eq!(sizes, [(3, 27), (3, 14), (2, 6)]);
        assert_eq!(out[0].row(1), b"{\"a\":22}");
        assert_eq!(bodies(&out), text, "the bytes pass through");
        assert!(out.windows(2).all(|pair| pair[0].span.end == pair[1].span.start), "no gap between batches");
        assert_eq!(out[0].span.start, 7);
    }

    #[test]
    fn a_repeat_from_a_batch_border_cuts_the_same() {
        let text = b"{\"a\":1}\n{\"a\":22}\n\n{bad}\n{\"a\":333}\n{\"a\":4}\n{}\n{}\n{}\n{}\n";
        let out = batches(text, 0);
        let from = usize::try_from(out[0].span.end).unwrap();
        assert_eq!(batches(&text[from..], out[0].span.end), out[1..]);
    }

    #[test]
    fn bad_lines_are_kept_with_their_place_and_reason() {
        let out = batches(b"{\"a\":1}\r\n\r\nnope\n{\"a\":2}\n\xff\n{\"a\":\"0123456789012345\"}\n", 0);
        let refused: Vec<_> = out
            .iter()
            .flat_map(|batch| &batch.refused)
            .map(|bad| (bad.source, bad.row.clone(), bad.reason.as_str()))
            .collect();
        assert_eq!(
            refused,
            [
                (11, b"nope".to_vec(), "not valid JSON at byte 2"),
                (24, b"\xff".to_vec(), "not UTF-8"),
                (26, b"{\"a\":\"0123456789012345\"}".to_vec(), "larger than 20 bytes")
            ]
        );
        assert_eq!(bodies(&out), b"{\"a\":1}\n{\"a\":2}\n");
    }

    #[tokio::test]
    async fn a_batch_moves_into_its_body_with_all_it_has() {
        let (room, mut lines, mut batcher) = (Room::new(1, 30), Lines::new(0), Batcher::new(LIMITS, 0));
        let mut out = Vec::new();
        lines.feed(b"{\"a\":1}\n", |line| out.extend(batcher.push(line)));
        assert!(batcher.wants_body());
        batcher.move_to(room.body().await);
        assert!(!batcher.wants_body());
        lines.feed(b"{\"a\":2}\n", |line| out.extend(batcher.push(line)));
        out.extend(batcher.cut());
        assert_eq!(bodies(&out), b"{\"a\":1}\n{\"a\":2}\n");
        assert_eq!((out.len(), out[0].row(1)), (1, b"{\"a\":2}".as_slice()));
        assert!(batcher.wants_body(), "the next one begins beside the room");
    }

    #[test]
    fn the_table_is_named_by_the_first_row_or_by_one_that_cannot_be_sent() {
        let table = |text: &[u8]| batches(text, 0)[0].table();
        assert_eq!(table(b"{bad}\n{\"Type\":\"T1\"}\n{\"Type\":\"T2\"}\n").as_deref(), Some("T1"));
        assert_eq!(table(b"{\n{\"Type\":\"T3\",\"a\":12345678}\n").as_deref(), Some("T3"), "too large to be sent");
        assert_eq!(table(b"{bad}\n\n"), None);
    }

    #[test]
    fn blank_lines_alone_still_move_the_offset() {
        let out = batches(b"\n\r\n", 5);
        assert_eq!((out.len(), out[0].span, out[0].rows.len()), (1, Span { start: 5, end: 8 }, 0));
    }

    fn bodies(batches: &[Batch]) -> Vec<u8> {
        batches.iter().flat_map(|batch| batch.body.to_vec()).collect()
    }
}
