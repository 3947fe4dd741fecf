//! The queries that history asks. Pure.
//!
//! Ours are lines behind the source, so that a position in an error is one in the text that people gave.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::query::window::{SECOND, Ticks, Window};

/// What is read: a table, or what a query gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    kql: String,
    /// Columns that come only when they are named.
    hidden: Vec<String>,
}

/// One of `of` parts of the rows of a window, told apart by a hash. Together they are all the rows, each once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// From 0.
    pub index: u32,
    /// How many there are.
    pub of: u32,
}

/// All of the rows.
pub const WHOLE: Part = Part { index: 0, of: 1 };

/// Standard columns that data export writes and a query gives only when they are named ("Standard columns in Azure Monitor Logs").
pub const HIDDEN: [&str; 5] = ["_ItemId", "_ResourceId", "_SubscriptionId", "_BilledSize", "_TimeReceived"];

/// Column of the bin's beginning.
pub const BIN: &str = "Bin";
/// Column of the number of rows.
pub const ROWS: &str = "Rows";
/// Column of the size of the rows, in bytes as the service estimates it.
pub const BYTES: &str = "Bytes";

impl Part {
    /// Finer parts, which together are the same rows, each once: whatever is `index` modulo `of` is one of these modulo `of * parts`.
    pub fn divided(self, parts: u32) -> impl DoubleEndedIterator<Item = Self> + ExactSizeIterator {
        (0..parts).map(move |number| Self { index: self.index + self.of * number, of: self.of * parts })
    }
}

impl Source {
    /// A table's name, or any query that gives a table with the column `TimeGenerated`; and which of its [`HIDDEN`] columns are to be named.
    #[must_use]
    pub fn new(kql: &str, hidden: &[String]) -> Self {
        Self { kql: kql.trim().trim_end_matches(';').trim_end().to_owned(), hidden: hidden.to_vec() }
    }

    /// Whether each row comes with the id that it has in data export.
    #[must_use]
    pub fn has_item_id(&self) -> bool {
        self.hidden.iter().any(|name| name == "_ItemId")
    }

    /// The columns, and no row.
    #[must_use]
    pub fn columns(&self, window: Window) -> String {
        format!("{}{}\n| take 0", self.within(window), self.extend())
    }

    /// The rows of a window.
    #[must_use]
    pub fn rows(&self, window: Window, part: Part) -> String {
        format!("{}{}{}", self.within(window), self.only(part), self.extend())
    }

    /// How many rows the window has.
    #[must_use]
    pub fn count(&self, window: Window, part: Part) -> String {
        format!("{}{}\n| summarize {ROWS} = count()", self.within(window), self.only(part))
    }

    /// Rows and bytes of a window, for each bin of `width` ticks that has any.
    #[must_use]
    pub fn bins(&self, window: Window, width: i64) -> String {
        format!(
            "{}\n| summarize {ROWS} = count(), {BYTES} = sum(estimate_data_size(*)) by {BIN} = bin(TimeGenerated, {})\n| sort by {BIN} asc",
            self.within(window),
            timespan_literal(width)
        )
    }

    /// Half-open: a row on the border belongs to the window that begins there.
    fn within(&self, Window { from, to }: Window) -> String {
        format!("{}\n| where TimeGenerated >= datetime({from}) and TimeGenerated < datetime({to})", self.kql)
    }

    fn only(&self, Part { index, of }: Part) -> String {
        let key = if self.has_item_id() { "_ItemId" } else { "tostring(pack_all())" };
        if of == 1 { String::new() } else { format!("\n| where hash({key}, {of}) == {index}") }
    }

    fn extend(&self) -> String {
        if self.hidden.is_empty() { String::new() } else { format!("\n| extend {}", self.hidden.join(", ")) }
    }
}

/// A duration of so many ticks ("The timespan data type", Kusto).
fn timespan_literal(ticks: i64) -> String {
    if ticks % SECOND == 0 { format!("{}s", ticks / SECOND) } else { format!("{ticks}tick") }
}

/// `timespan` for a window: the service looks nowhere else, and rows on its borders are in it.
#[must_use]
pub fn timespan(Window { from, to }: Window) -> String {
    format!("{from}/{to}")
}

/// A Kusto time for people: the day alone where that says it all.
#[must_use]
pub fn day(ticks: Ticks) -> String {
    let text = ticks.to_string();
    text.strip_suffix("T00:00:00.0000000Z").map_or_else(|| text.clone(), str::to_owned)
}

/// Whether this may be a table's name: letters, digits and underscores.
#[must_use]
pub fn is_table(name: &str) -> bool {
    let mut letters = name.bytes();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == b'_')
}

/// A text as a string literal of KQL or APL.
#[must_use]
pub fn literal(text: &str) -> String {
    let mut out = String::from('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => write!(out, "\\{letter}").expect("a string takes all"),
            _ => out.push(letter),
        }
    }
    out + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window() -> Window {
        let at = |text| Ticks::parse(text).unwrap();
        Window { from: at("2026-01-01"), to: at("2026-01-01T00:00:00.5Z") }
    }

    #[test]
    fn queries() {
        let source = Source::new("SecurityEvent", &["_ItemId".to_owned(), "_ResourceId".to_owned()]);
        let within = "| where TimeGenerated >= datetime(2026-01-01T00:00:00.0000000Z) and TimeGenerated < datetime(2026-01-01T00:00:00.5000000Z)";
        assert_eq!(source.rows(window(), WHOLE), format!("SecurityEvent\n{within}\n| extend _ItemId, _ResourceId"));
        assert_eq!(
            source.rows(window(), Part { index: 2, of: 4 }),
            format!("SecurityEvent\n{within}\n| where hash(_ItemId, 4) == 2\n| extend _ItemId, _ResourceId")
        );
        assert_eq!(source.count(window(), WHOLE), format!("SecurityEvent\n{within}\n| summarize Rows = count()"));
        assert!(source.bins(window(), 300 * SECOND).ends_with("by Bin = bin(TimeGenerated, 300s)\n| sort by Bin asc"));
        assert!(source.bins(window(), 100).contains("bin(TimeGenerated, 100tick)"));
        let query = Source::new(" let a = 1;\nT | where x == a ; \n", &[]);
        assert_eq!(query.columns(window()), format!("let a = 1;\nT | where x == a\n{within}\n| take 0"));
        assert!(query.count(window(), Part { index: 0, of: 2 }).contains("hash(tostring(pack_all()), 2) == 0"));
    }

    #[test]
    fn names_and_literals() {
        assert!(is_table("Custom_CL") && is_table("_T1"));
        assert!(!is_table("") && !is_table("1T") && !is_table("T | take 1") && !is_table("T;"));
        assert_eq!(literal("a\"b\\c"), "\"a\\\"b\\\\c\"");
        assert_eq!(
            (day(window().from), day(window().to)),
            ("2026-01-01".to_owned(), "2026-01-01T00:00:00.5000000Z".to_owned())
        );
        assert_eq!(timespan(window()), "2026-01-01T00:00:00.0000000Z/2026-01-01T00:00:00.5000000Z");
    }
}
