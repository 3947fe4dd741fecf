//! Blob content of any length without holding it: a stretch of rows that is repeated.

use std::ops::Range;

use bytes::Bytes;
use time::macros::datetime;

use crate::rows::RowSource;

/// The rows of one table, repeated without end.
#[derive(Debug)]
pub(super) struct Corpus {
    /// The table's name.
    pub(super) table: String,
    /// Whole rows, each with its newline.
    rows: Bytes,
}

impl Corpus {
    /// At least `bytes` bytes of rows before they repeat. Longer than any window of a compressor, so that the repetition is not compressed away.
    #[must_use]
    pub(super) fn new(seed: u64, table: &str, bytes: usize) -> Self {
        let source = RowSource::new(seed, table);
        let mut rows = Vec::with_capacity(bytes + 64 * 1024);
        for index in 0.. {
            source.write_row(index, datetime!(2026-11-25 08:00 UTC), &mut rows);
            rows.push(b'\n');
            if rows.len() >= bytes {
                break;
            }
        }
        Self { table: table.to_owned(), rows: rows.into() }
    }

    /// The greatest length up to `most` bytes that ends with a row, and at least one row.
    #[must_use]
    pub(super) fn length(&self, most: u64) -> u64 {
        let (times, rest) = (most / self.period(), self.place(most));
        let rest = memchr::memrchr(b'\n', &self.rows[..rest]).map_or(0, |at| at as u64 + 1);
        match times * self.period() + rest {
            0 => memchr::memchr(b'\n', &self.rows).map_or(0, |at| at as u64 + 1),
            length => length,
        }
    }

    /// The bytes of a range, piece by piece and without a copy.
    pub(super) fn pieces(&self, range: Range<u64>) -> impl Iterator<Item = Bytes> + use<> {
        /// Bytes handed to a connection at a time.
        const PIECE: u64 = 256 * 1024;
        let (rows, period) = (self.rows.clone(), self.period());
        let mut at = range.start;
        std::iter::from_fn(move || {
            let place = at % period;
            let length = PIECE.min(range.end - at).min(period - place);
            at += length;
            let usize = |offset: u64| usize::try_from(offset).expect("within the rows in memory");
            (length > 0).then(|| rows.slice(usize(place)..usize(place + length)))
        })
    }

    /// Rows in the first `length` bytes.
    #[must_use]
    pub(super) fn rows(&self, length: u64) -> u64 {
        self.pieces(0..length).map(|piece| memchr::memchr_iter(b'\n', &piece).count() as u64).sum()
    }

    /// Whether these are the bytes from `offset` on.
    #[must_use]
    pub(super) fn matches(&self, offset: u64, bytes: &[u8]) -> bool {
        let mut rest = bytes;
        self.pieces(offset..offset + bytes.len() as u64).all(|piece| {
            let (now, later) = rest.split_at(piece.len());
            rest = later;
            now == piece
        })
    }

    fn period(&self) -> u64 {
        self.rows.len() as u64
    }

    fn place(&self, offset: u64) -> usize {
        usize::try_from(offset % self.period()).expect("within the rows in memory")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_end_with_rows_and_bytes_are_compared_where_they_belong() {
        let corpus = Corpus::new(1, "Syslog", 10_000);
        let period = corpus.period();
        for most in [1, 5000, period, period + 1, 3 * period + 777] {
            let length = corpus.length(most);
            let whole: Vec<u8> = corpus.pieces(0..length).flatten().collect();
            assert_eq!((whole.len() as u64, whole.last()), (length, Some(&b'\n')), "{most}");
            assert!(length <= most || most == 1);
            assert_eq!(corpus.rows(length), whole.iter().filter(|byte| **byte == b'\n').count() as u64);
            let (from, to) = (whole.len() / 3, whole.len() / 2);
            assert!(corpus.matches(from as u64, &whole[from..to]));
            assert!(!corpus.matches(from as u64 + 1, &whole[from..to]));
        }
    }
}
