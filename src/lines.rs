//! From bytes to lines to rows: the part of the flow that decides what a row is. Pure.
//!
//! [`Lines`] cuts a stream of chunks at `\n`, whatever the chunk borders are, and tells for each line where in the source it stands.
//! [`check_row`] says whether a line may be sent as it is.

use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::json;

/// An unfinished line is kept in memory only up to this many bytes; a longer one comes out in pieces (all of them too large to send).
/// This is what keeps memory flat whatever a blob holds.
pub const LONGEST_LINE: usize = 16 * 1024 * 1024;

/// Axiom's documented limit for one field ("Limits"): 1 MB. A longer value would be replaced by a notice, so it is set aside instead.
pub const FIELD_BYTES: usize = 1_000_000;

/// Axiom's documented limit for nesting ("Limits"): deeper values become null, so such a row is set aside instead.
pub const DEEPEST: u32 = 100;

/// One line of the source, without its line end.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub struct Line<'a> {
    /// Offset in the source of the first byte, in bytes.
    pub start: u64,
    /// Offset in the source of the first byte after the line and its line end.
    pub end: u64,
    /// The bytes without `\n` or `\r\n`.
    pub bytes: &'a [u8],
    /// True for a piece of a line longer than [`LONGEST_LINE`].
    pub piece: bool,
}

/// Cuts chunks into lines. Feed chunks with [`Lines::feed`]; what follows the last `\n` waits for the next chunk.
#[derive(Debug)]
pub struct Lines {
    /// Offset in the source of the first byte that has not come out as a line.
    boundary: u64,
    carry: Vec<u8>,
    /// The line that is being read already gave pieces.
    in_pieces: bool,
    longest: usize,
}

impl Lines {
    /// Lines of a source that is read from `offset` on, which is a line boundary.
    #[must_use]
    pub fn new(offset: u64) -> Self {
        Self::with_longest(offset, LONGEST_LINE)
    }

    fn with_longest(offset: u64, longest: usize) -> Self {
        Self { boundary: offset, carry: Vec::new(), in_pieces: false, longest }
    }

    /// The offset up to which everything came out as lines, in bytes.
    #[must_use]
    pub fn boundary(&self) -> u64 {
        self.boundary
    }

    /// Bytes of the unfinished line that are held back.
    #[must_use]
    pub fn held_back(&self) -> usize {
        self.carry.len()
    }

    /// Takes the next chunk and hands each line that it finishes to `each`, in order.
    pub fn feed(&mut self, chunk: &[u8], mut each: impl FnMut(Line<'_>)) {
        let mut from = 0;
        for newline in memchr::memchr_iter(b'\n', chunk) {
            let tail = &chunk[from..newline];
            from = newline + 1;
            if self.carry.is_empty() {
                self.line(tail, tail.len() + 1, &mut each);
            } else {
                let mut carry = std::mem::take(&mut self.carry);
                carry.extend_from_slice(tail);
                self.line(&carry, carry.len() + 1, &mut each);
                // The buffer is used again: most chunks end in the middle of a line.
                carry.clear();
                self.carry = carry;
            }
        }
        self.carry.extend_from_slice(&chunk[from..]);
        while self.carry.len() > self.longest {
            let rest = self.carry.split_off(self.longest);
            let piece = std::mem::replace(&mut self.carry, rest);
            self.in_pieces = true;
            self.line(&piece, piece.len(), &mut each);
            self.in_pieces = true;
        }
    }

    /// The source has ended for good: what is left is the last line, even without a line end.
    pub fn finish(&mut self, mut each: impl FnMut(Line<'_>)) {
        if !self.carry.is_empty() {
            let carry = std::mem::take(&mut self.carry);
            self.line(&carry, carry.len(), &mut each);
        }
    }

    fn line(&mut self, bytes: &[u8], length: usize, each: &mut impl FnMut(Line<'_>)) {
        let start = self.boundary;
        self.boundary += length as u64;
        let piece = std::mem::take(&mut self.in_pieces);
        each(Line { start, end: self.boundary, bytes: bytes.strip_suffix(b"\r").unwrap_or(bytes), piece });
    }
}

/// Why a line is not a row that can be sent.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub enum BadRow {
    /// Not UTF-8.
    NotUtf8,
    /// Not JSON by RFC 8259; with the position that the parser names, in bytes from 1.
    NotJson(usize),
    /// JSON, but not an object.
    NotAnObject,
    /// Longer than the limit, in bytes.
    TooLarge(usize),
    /// A field is longer than [`FIELD_BYTES`].
    FieldTooLarge,
    /// Nested deeper than [`DEEPEST`].
    TooDeep,
}

impl fmt::Display for BadRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotUtf8 => f.write_str("not UTF-8"),
            Self::NotJson(column) => write!(f, "not valid JSON at byte {column}"),
            Self::NotAnObject => f.write_str("not a JSON object"),
            Self::TooLarge(limit) => write!(f, "larger than {limit} bytes"),
            Self::FieldTooLarge => write!(f, "a field is larger than {FIELD_BYTES} bytes"),
            Self::TooDeep => write!(f, "nested deeper than {DEEPEST} levels"),
        }
    }
}

/// True for a line that carries nothing: it is passed over, neither sent nor set aside.
#[must_use]
pub fn is_blank(line: &[u8]) -> bool {
    line.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r'))
}

/// Checks that a line is one row that Axiom will keep whole: strict RFC 8259 JSON in UTF-8, an object, within the limits.
///
/// # Errors
/// [`BadRow`] says what is wrong. Numbers beyond 64 bits and lone surrogates are legal by the grammar and pass.
pub fn check_row(line: &[u8], row_bytes: usize) -> Result<(), BadRow> {
    if line.len() > row_bytes {
        return Err(BadRow::TooLarge(row_bytes));
    }
    if !json::is_object(line, DEEPEST) {
        check_strictly(line)?;
    }
    if line.len() > FIELD_BYTES && has_large_field(line) {
        return Err(BadRow::FieldTooLarge);
    }
    Ok(())
}

/// The verdict on what [`json::is_object`] does not take.
fn check_strictly(line: &[u8]) -> Result<(), BadRow> {
    // RawValue walks the grammar without recursion and checks UTF-8 (IgnoredAny would not).
    if let Err(error) = serde_json::from_slice::<&RawValue>(line) {
        return Err(if std::str::from_utf8(line).is_err() { BadRow::NotUtf8 } else { BadRow::NotJson(error.column()) });
    }
    if line.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        return Err(BadRow::NotAnObject);
    }
    if depth(line) > DEEPEST { Err(BadRow::TooDeep) } else { Ok(()) }
}

/// How deep valid JSON nests; brackets inside strings do not count.
fn depth(json: &[u8]) -> u32 {
    let (mut deepest, mut level, mut in_string, mut escaped) = (0, 0_u32, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                level += 1;
                deepest = deepest.max(level);
            }
            b'}' | b']' if !in_string => level -= 1,
            _ => {}
        }
    }
    deepest
}

fn has_large_field(row: &[u8]) -> bool {
    let fields: Result<std::collections::BTreeMap<String, &RawValue>, _> = serde_json::from_slice(row);
    fields.is_ok_and(|fields| fields.values().any(|value| value.get().len() > FIELD_BYTES))
}

/// The `Type` column of a valid row: the table's name in its true case, which the container's name has lost.
#[must_use]
pub fn table_of(row: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct TypeColumn {
        #[serde(rename = "Type")]
        table: String,
    }
    serde_json::from_slice::<TypeColumn>(row).ok().map(|row| row.table)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Start, end, bytes and whether it is a piece.
    type Cut = (u64, u64, Vec<u8>, bool);

    fn cut(chunks: &[&[u8]], longest: usize, finish: bool) -> (Vec<Cut>, u64) {
        let mut lines = Lines::with_longest(100, longest);
        let mut out = Vec::new();
        let mut each = |line: Line<'_>| out.push((line.start, line.end, line.bytes.to_vec(), line.piece));
        for chunk in chunks {
            lines.feed(chunk, &mut each);
        }
        if finish {
            lines.finish(&mut each);
        }
        (out, lines.boundary())
    }

    #[test]
    fn cuts_at_newlines_whatever_the_chunks() {
        let text = b"{\"a\":1}\r\n\n  \n{\"b\":2}\ntail";
        let whole = cut(&[text], 1000, false);
        assert_eq!(
            whole.0,
            [
                (100, 109, b"{\"a\":1}".to_vec(), false),
                (109, 110, b"".to_vec(), false),
                (110, 113, b"  ".to_vec(), false),
                (113, 121, b"{\"b\":2}".to_vec(), false)
            ]
        );
        assert_eq!(whole.1, 121, "the unfinished line is held back");
        for size in 1..text.len() {
            let chunks: Vec<&[u8]> = text.chunks(size).collect();
            assert_eq!(cut(&chunks, 1000, false), whole, "chunks of {size} bytes");
        }
    }

    #[test]
    fn the_last_line_needs_no_newline_once_the_source_has_ended() {
        let (lines, boundary) = cut(&[b"{}\n{\"a\"", b":1}"], 1000, true);
        assert_eq!(lines[1], (103, 110, b"{\"a\":1}".to_vec(), false));
        assert_eq!(boundary, 110);
        assert_eq!(cut(&[b"{}\n"], 1000, true).0.len(), 1, "nothing after the last newline is no line");
    }

    #[test]
    fn an_endless_line_comes_out_in_pieces_and_memory_stays_bounded() {
        let (lines, boundary) = cut(&[b"aaaaaaaaaaaa", b"aaa\nbb\n"], 4, false);
        let pieces: Vec<_> = lines.iter().map(|line| (line.2.len(), line.3)).collect();
        assert_eq!(pieces, [(4, true), (4, true), (3 + 4, true), (2, false)].as_slice(), "{lines:?}");
        assert_eq!(boundary, 100 + 19);
        assert_eq!(lines.iter().map(|line| line.1 - line.0).sum::<u64>(), 19, "no byte is missing");
    }

    #[test]
    fn the_type_column_gives_the_table() {
        assert_eq!(table_of(br#"{"x":{"Type":"no"},"Type":"SecurityEvent"}"#).as_deref(), Some("SecurityEvent"));
        assert_eq!(table_of(br#"{"Type":7}"#), None);
        assert_eq!(table_of(br#"{"type":"x"}"#), None);
    }

    #[test]
    fn what_the_filter_leaves_is_judged_strictly() {
        let nested = |levels: usize| format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels));
        assert_eq!(check_row(nested(100).as_bytes(), 10_000), Ok(()));
        assert_eq!(check_row(nested(101).as_bytes(), 10_000), Err(BadRow::TooDeep));
        assert_eq!(check_row(b"{\t}", 100), Ok(()), "white space that data export does not write");
        assert_eq!(check_row(b"[{}]", 100), Err(BadRow::NotAnObject));
        assert_eq!(check_row(b"{\"a\":tru}", 100), Err(BadRow::NotJson(9)));
        assert_eq!(check_row(b"{\"a\":\"\xff\"}", 100), Err(BadRow::NotUtf8));
    }

    #[test]
    fn depth_ignores_brackets_in_strings() {
        assert_eq!(depth(br#"{"a":"[[[{{{\"[[","b":[[{}]]}"#), 4);
    }
}
