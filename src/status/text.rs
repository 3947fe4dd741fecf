//! The status as a table for the terminal. Pure.

use std::fmt::Write as _;

use super::{Status, Table};

/// Bars of the plot, from nothing to the most of any hour.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The table. `before` is the status of a moment ago, from which the speed is known.
#[must_use]
pub fn text(status: &Status, before: Option<&Status>) -> String {
    let mut out = String::new();
    let wide = status.tables.iter().map(|table| table.table.len()).max().unwrap_or(0).max(5);
    writeln!(
        out,
        "{:wide$} {:>7} {:>9} {:>9} {:>7} {:>12} {:>9} {:>8}  last 24 h",
        "table", "waiting", "bytes", "rows", "oldest", "delivered", "set aside", "rows/s"
    )
    .expect("writing to memory");
    for table in &status.tables {
        let rows = table.waiting_rows.map_or_else(|| "-".to_owned(), |rows| rows.to_string());
        writeln!(
            out,
            "{:wide$} {:>7} {:>9} {:>9} {:>7} {:>12} {:>9} {:>8}  {}",
            table.table,
            table.waiting_blobs,
            bytes(table.waiting_bytes),
            rows,
            table.oldest_seconds.map_or_else(|| "-".to_owned(), age),
            table.rows,
            table.set_aside,
            speed(status, table, before).map_or_else(|| "-".to_owned(), |speed| speed.to_string()),
            plot(&table.by_hour)
        )
        .expect("writing to memory");
    }
    if status.tables.is_empty() {
        out.push_str("no container of data export (am-...) is there: exports begin within half an hour of the rule\n");
    }
    for table in &status.tables {
        if let Some(error) = &table.last_error {
            writeln!(out, "{}: {} ago: {}", table.table, age(status.at - error.at), error.said)
                .expect("writing to memory");
        }
    }
    if let Some(queue) = status.queue.filter(|queue| *queue > 0) {
        writeln!(out, "{queue} messages on the work queue").expect("writing to memory");
    }
    writeln!(out, "delivered and set aside: rows of blobs of {} (UTC) and later", status.since)
        .expect("writing to memory");
    out
}

/// Rows in a second since the status of a moment ago.
fn speed(status: &Status, table: &Table, before: Option<&Status>) -> Option<u64> {
    let before = before.filter(|before| before.at < status.at)?;
    let of_table = before.tables.iter().find(|known| known.table == table.table)?;
    Some(table.rows.saturating_sub(of_table.rows) / u64::try_from(status.at - before.at).ok()?)
}

fn plot(by_hour: &[u64]) -> String {
    let most = by_hour.iter().copied().max().unwrap_or(0).max(1);
    let bar = |rows: &u64| match rows {
        0 => ' ',
        rows => BARS[usize::try_from((rows * 7).div_ceil(most)).unwrap_or(7).min(7)],
    };
    by_hour.iter().map(bar).collect()
}

/// Bytes for people.
pub(super) fn bytes(bytes: u64) -> String {
    let (mut size, mut unit) = (bytes, 0);
    while size >= 10_000 && unit < 4 {
        size /= 1000;
        unit += 1;
    }
    format!("{size} {}", ["B", "kB", "MB", "GB", "TB"][unit])
}

/// An age for people: its largest unit.
pub(super) fn age(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receipts::LastError;

    #[test]
    fn a_table_for_people() {
        let mut by_hour = [0; 24];
        (by_hour[22], by_hour[23]) = (10, 80);
        let table = Table {
            table: "signinlogs".to_owned(),
            blobs: 3,
            waiting_blobs: 2,
            waiting_bytes: 12_345_678,
            oldest_seconds: Some(400),
            rows: 5000,
            set_aside: 1,
            by_hour,
            last_error: Some(LastError { said: "Axiom answers 503".to_owned(), at: 940 }),
            ..Table::default()
        };
        let status = Status { at: 1000, since: "2026-11-26".to_owned(), tables: vec![table], queue: Some(7) };
        let mut before = status.clone();
        (before.at, before.tables[0].rows) = (990, 4000);
        let text = text(&status, Some(&before));
        for part in
            ["signinlogs       2", "12 MB", "6 min", "5000", "100  ", "▂█", "60 s ago: Axiom answers 503", "7 messages"]
        {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn nothing_is_told_as_that() {
        let status = Status { at: 0, since: "2026-11-26".to_owned(), tables: Vec::new(), queue: None };
        assert!(super::text(&status, None).contains("no container of data export"));
    }
}
