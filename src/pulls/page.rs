//! The rows of one reply of an incremental pull, each with its watermark; and how large the next reply should be. Pure.

use crate::query::rows::{Cells, Rows};
use crate::query::window::{Ticks, Window};

use super::kql::PULLED_AT;
use super::seen::Mark;

/// Most rows of the first page.
const ROWS: u64 = 20_000;
/// Most rows of a page: the services give 100,000 and 500,000, but a page is in memory, and is sent again after a crash.
const MOST_ROWS: u64 = 50_000;
/// Size of a page that is aimed at, in bytes.
const BYTES: u64 = 16 << 20;

/// One row of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row<'a> {
    /// Its watermark.
    pub at: Ticks,
    /// What it is known by.
    pub mark: Mark,
    /// The row, one line of JSON with its end, without what we added to the query.
    pub line: &'a [u8],
    /// Whether that ends before the `}`: the column that we added was the last one.
    pub open: bool,
}

/// A row cannot be placed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("read the watermark of a row: {0}")]
pub struct NoWatermark(String);

/// Reads the rows of a reply. `watermark` is the column with their times.
///
/// # Errors
/// A row without it, or with something else in it.
pub fn rows<'a>(reply: &'a Rows, watermark: &str) -> Result<Vec<Row<'a>>, NoWatermark> {
    let has_id = reply.columns.iter().any(|column| column.name == "_ItemId");
    let lines = reply.lines.split_inclusive(|byte| *byte == b'\n');
    lines.map(|line| row(line, watermark, has_id)).collect()
}

fn row<'a>(line: &'a [u8], watermark: &str, has_id: bool) -> Result<Row<'a>, NoWatermark> {
    let Cells(cells) = serde_json::from_slice(line).map_err(|error| NoWatermark(error.to_string()))?;
    let cell = |name: &str| cells.iter().find(|(key, _)| key == name).map(|(_, cell)| cell.get());
    let time = cell(watermark).ok_or_else(|| NoWatermark(format!("it has no {watermark}")))?;
    let at = Ticks::parse(time.trim_matches('"'))
        .ok_or_else(|| NoWatermark(format!("{watermark} is {time:.40}, which is no time")))?;
    let mark = match cell("_ItemId").filter(|_| has_id) {
        Some(id) => Mark::of(id.as_bytes()),
        None => Mark::of(line),
    };
    // It was added last, so it comes last.
    let added = format!("\"{PULLED_AT}\":{time}}}\n");
    let own = line.strip_suffix(added.as_bytes()).filter(|_| watermark == PULLED_AT);
    let (line, open) = match own {
        Some(own) => (own.strip_suffix(b",").unwrap_or(own), true),
        None => (line, false),
    };
    Ok(Row { at, mark, line, open })
}

impl Row<'_> {
    /// Writes the row with further columns, such as `"a":1,"b":2`; its own end with its line.
    pub fn write(&self, more: &str, out: &mut Vec<u8>) {
        let own = if self.open { self.line } else { self.line.strip_suffix(b"}\n").unwrap_or(self.line) };
        out.extend_from_slice(own);
        if !own.ends_with(b"{") && !more.is_empty() {
            out.push(b',');
        }
        out.extend_from_slice(more.as_bytes());
        out.extend_from_slice(b"}\n");
    }
}

/// Any line with further columns, such as `"a":1,"b":2`.
pub fn write_line(line: &[u8], more: &str, out: &mut Vec<u8>) {
    Row { at: Ticks(0), mark: Mark::of(b""), line, open: false }.write(more, out);
}

/// How large the next page should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageSize {
    /// Most rows.
    pub rows: u64,
    /// Longest window, in ticks; none where all may be asked for.
    span: Option<i64>,
}

impl PageSize {
    /// For rows like these few.
    #[must_use]
    pub fn for_rows_like(sample: &Rows) -> Self {
        let bytes_of_a_row = (sample.lines.len() as u64).checked_div(sample.count).unwrap_or_default();
        Self { rows: (BYTES / bytes_of_a_row.max(1)).clamp(1, ROWS), span: None }
    }

    /// The part of what is left that should be asked for next.
    #[must_use]
    pub fn window(&self, left: Window) -> Window {
        let to = self.span.map_or(left.to, |span| Ticks(left.from.0.saturating_add(span)));
        Window { to: to.min(left.to), ..left }
    }

    /// The service could not give so much.
    pub fn too_much(&mut self, window: Window) {
        self.rows = (self.rows / 2).max(1);
        self.span = Some(((window.to.0 - window.from.0) / 2).max(1));
    }

    /// A reply came: pages grow to the size that is aimed at.
    pub fn came(&mut self, rows: u64, bytes: u64) {
        if let Some(bytes_of_a_row) = bytes.checked_div(rows) {
            let aim = (BYTES / bytes_of_a_row.max(1)).clamp(1, MOST_ROWS);
            self.rows = aim.min(self.rows.saturating_mul(2));
        }
        self.span = self.span.map(|span| span.saturating_mul(2));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::rows::Column;

    fn reply(columns: &[&str], lines: &str) -> Rows {
        let column = |name: &&str| Column { name: (*name).to_owned(), kind: "string".to_owned() };
        let columns = columns.iter().map(column).collect();
        Rows { lines: lines.as_bytes().to_vec(), count: lines.lines().count() as u64, columns, ..Rows::default() }
    }

    #[test]
    fn a_row_has_its_time_its_mark_and_what_it_came_with() {
        let lines = "{\"a\":1,\"_ItemId\":\"i\",\"_PulledAt\":\"2026-01-01T00:00:00.1234567Z\"}\n{\"_PulledAt\":\"2026-01-01T00:00:00.0000000Z\"}\n";
        let reply = reply(&["a", "_ItemId", PULLED_AT], lines);
        let rows = rows(&reply, PULLED_AT).unwrap();
        assert_eq!(rows[0].at, Ticks::parse("2026-01-01T00:00:00.1234567Z").unwrap());
        assert_eq!(rows[0].mark, Mark::of(b"\"i\""));
        let mut out = Vec::new();
        rows[0].write("\"b\":2", &mut out);
        rows[1].write("\"b\":2", &mut out);
        rows[0].write("", &mut out);
        let wanted = "{\"a\":1,\"_ItemId\":\"i\",\"b\":2}\n{\"b\":2}\n{\"a\":1,\"_ItemId\":\"i\"}\n";
        assert_eq!(String::from_utf8(out).unwrap(), wanted);
    }

    #[test]
    fn without_an_id_the_whole_row_is_the_mark() {
        let lines =
            "{\"Timestamp\":\"2026-01-01T00:00:00Z\",\"a\":1}\n{\"Timestamp\":\"2026-01-01T00:00:00Z\",\"a\":2}\n";
        let reply = reply(&["Timestamp", "a"], lines);
        let rows = rows(&reply, "Timestamp").unwrap();
        assert!(rows[0].mark != rows[1].mark && rows[0].at == rows[1].at);
        let mut out = Vec::new();
        rows[1].write("\"b\":2", &mut out);
        assert_eq!(out, b"{\"Timestamp\":\"2026-01-01T00:00:00Z\",\"a\":2,\"b\":2}\n");
        for (lines, words) in [("{\"a\":1}\n", "it has no Timestamp"), ("{\"Timestamp\":7}\n", "which is no time")] {
            let reply = self::reply(&["a"], lines);
            assert!(super::rows(&reply, "Timestamp").unwrap_err().to_string().contains(words));
        }
    }

    #[test]
    fn pages_shrink_when_too_much_was_asked_for_and_grow_again() {
        let left = Window { from: Ticks(0), to: Ticks(1000) };
        let mut size = PageSize::for_rows_like(&reply(&[], ""));
        assert_eq!((size.rows, size.window(left)), (ROWS, left));
        let large = format!("{{\"a\":\"{}\"}}\n", "x".repeat(10_000));
        assert_eq!(PageSize::for_rows_like(&reply(&["a"], &large)).rows, 1676);
        size.too_much(left);
        assert_eq!((size.rows, size.window(left).to), (ROWS / 2, Ticks(500)));
        size.came(10, 10_000);
        assert_eq!((size.rows, size.window(left).to), (16_777, Ticks(1000)));
        size.came(10, 100);
        assert_eq!(size.rows, 33_554);
        for _ in 0..40 {
            size.too_much(Window { from: Ticks(0), to: Ticks(1) });
        }
        assert_eq!((size.rows, size.window(left).to), (1, Ticks(1)));
    }
}
