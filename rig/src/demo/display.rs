//! The demo's table: redrawn in place on a terminal, else one plain line every few seconds.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use super::watch::{State, TableState};

/// Pause between plain lines.
const PLAIN_EVERY: Duration = Duration::from_secs(2);

pub(super) struct Display {
    redraws: bool,
    started: Instant,
    drawn: usize,
    last: Option<Instant>,
}

impl Display {
    /// Redraws when stdout is a terminal and `plain` is not wanted.
    pub(super) fn new(plain: bool) -> Self {
        let redraws = !plain && std::io::stdout().is_terminal();
        Display { redraws, started: Instant::now(), drawn: 0, last: None }
    }

    pub(super) fn show(&mut self, state: &State) {
        if self.redraws {
            let text = table(state);
            // Up to where the table began, and clear from there.
            let up = if self.drawn > 0 { format!("\x1b[{}A\x1b[J", self.drawn) } else { String::new() };
            self.drawn = text.lines().count();
            print(&format!("{up}{text}"));
        } else if self.last.is_none_or(|last| last.elapsed() >= PLAIN_EVERY) {
            self.last = Some(Instant::now());
            print(&line(self.started.elapsed(), &sum(state)));
        }
    }
}

/// Writes to stdout; a reader that has gone away is no reason to stop.
pub(super) fn print(text: &str) {
    let mut out = std::io::stdout();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).ok();
}

/// The whole table, with a row for the sum.
pub(super) fn table(state: &State) -> String {
    let mut text = format!(
        "{:<32} {:>9} {:>9} {:>7} {:>9} {:>6} {:>7} {:>5}\n",
        "table", "written", "arrived", "aside", "MB", "ratio", "lag", "blobs"
    );
    let total = ("all".to_owned(), sum(state));
    for (name, entry) in state.iter().chain([(&total.0, &total.1)]) {
        writeln!(
            text,
            "{name:<32} {:>9} {:>9} {:>7} {:>9.1} {:>6} {:>5.1} s {:>5}",
            entry.written.good.rows,
            entry.arrived.rows,
            entry.refused.len(),
            megabytes(entry.written.bytes),
            ratio(entry),
            entry.lag.as_secs_f64(),
            entry.blobs_left
        )
        .expect("writing to a string does not fail");
    }
    text
}

fn line(elapsed: Duration, sum: &TableState) -> String {
    format!(
        "{:>5.1} s  written {} rows ({:.1} MB), arrived {}, set aside {}, ratio {}, lag {:.1} s, blobs left {}\n",
        elapsed.as_secs_f64(),
        sum.written.good.rows,
        megabytes(sum.written.bytes),
        sum.arrived.rows,
        sum.refused.len(),
        ratio(sum),
        sum.lag.as_secs_f64(),
        sum.blobs_left
    )
}

/// Numbers added up; the lag is the longest.
fn sum(state: &State) -> TableState {
    let mut sum = TableState::default();
    for entry in state.values() {
        sum.written.good.merge(entry.written.good);
        sum.written.bytes += entry.written.bytes;
        sum.arrived.rows += entry.arrived.rows;
        sum.arrived.bytes += entry.arrived.bytes;
        sum.arrived.wire_bytes += entry.arrived.wire_bytes;
        sum.refused.extend_from_slice(&entry.refused);
        sum.blobs_left += entry.blobs_left;
        sum.lag = sum.lag.max(entry.lag);
    }
    sum
}

#[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

fn ratio(entry: &TableState) -> String {
    match entry.arrived.wire_bytes {
        0 => "-".to_owned(),
        wire => format!("{:.1}", megabytes(entry.arrived.bytes) / megabytes(wire)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_a_row_for_each_table_and_the_sum() {
        let mut entry = TableState::default();
        entry.written.good.rows = 10;
        entry.written.bytes = 2_000_000;
        entry.arrived.rows = 9;
        entry.arrived.bytes = 1_000_000;
        entry.arrived.wire_bytes = 100_000;
        entry.lag = Duration::from_millis(1500);
        let state: State = [("A", entry.clone()), ("B", entry)].map(|(name, entry)| (name.to_owned(), entry)).into();
        let text = table(&state);
        assert_eq!(text.lines().count(), 4);
        let words: Vec<_> = text.lines().last().unwrap().split_whitespace().collect();
        assert_eq!(words, ["all", "20", "18", "0", "4.0", "10.0", "1.5", "s", "0"]);
    }
}
