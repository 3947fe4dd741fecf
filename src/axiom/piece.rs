//! Pieces of a batch, each sent as one request. Where to cut is pure.

use std::ops::Range;

use bytes::Bytes;

use crate::batch::Row;

/// Rows that are sent in one request.
#[derive(Debug)]
pub(super) struct Piece {
    /// Which rows of the batch.
    pub(super) rows: Range<usize>,
    /// Their bytes, compressed.
    pub(super) wire: Bytes,
}

/// Where the rows lie in the batch's body, in bytes.
pub(super) fn bytes_of(rows: &[Row], range: &Range<usize>) -> Range<usize> {
    let end_before = |index: usize| if index == 0 { 0 } else { rows[index - 1].end };
    end_before(range.start)..end_before(range.end)
}

/// The rows of a batch in as few pieces as fit `largest` bytes each, in order; a row that is larger stands alone.
pub(super) fn cut(rows: &[Row], largest: usize) -> Vec<Range<usize>> {
    let (mut pieces, mut start) = (Vec::new(), 0);
    for index in 1..=rows.len() {
        if index == rows.len() || bytes_of(rows, &(start..index + 1)).len() > largest {
            pieces.push(start..index);
            start = index;
        }
    }
    pieces
}

/// The two halves of at least two rows.
pub(super) fn halves(range: &Range<usize>) -> Vec<Range<usize>> {
    let middle = range.start + range.len() / 2;
    vec![range.start..middle, middle..range.end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(sizes: &[usize]) -> Vec<Row> {
        let ends = sizes.iter().scan(0, |end, size| {
            *end += size;
            Some(*end)
        });
        ends.map(|end| Row { end, source: end as u64 }).collect()
    }

    #[test]
    fn cuts_fit_and_leave_nothing_out() {
        let check = |sizes: &[usize], largest, expected: &[Range<usize>]| {
            assert_eq!(cut(&rows(sizes), largest), expected, "{sizes:?} {largest}");
        };
        check(&[], 10, &[]);
        check(&[5], 10, std::slice::from_ref(&(0..1)));
        check(&[5, 5, 5], 100, std::slice::from_ref(&(0..3)));
        check(&[5, 5, 5], 10, &[0..2, 2..3]);
        check(&[5, 50, 5], 10, &[0..1, 1..2, 2..3]);
        check(&[50, 50], 0, &[0..1, 1..2]);
    }

    #[test]
    fn halves_shrink_to_single_rows() {
        assert_eq!(halves(&(3..8)), [3..5, 5..8]);
        assert_eq!(halves(&(3..5)), [3..4, 4..5]);
        assert_eq!(bytes_of(&rows(&[5, 6, 7]), &(1..3)), 5..18);
        assert_eq!(bytes_of(&rows(&[5, 6, 7]), &(0..1)), 0..5);
    }
}
