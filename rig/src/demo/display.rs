//! The demo's table: live on a terminal, else one plain line every few seconds.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::watch::{State, TableState};

/// Pause between plain lines.
const PLAIN_EVERY: Duration = Duration::from_secs(2);

pub(super) enum Display {
    /// One bar for each line of the table; indicatif fits them to the terminal.
    Live(MultiProgress, Vec<ProgressBar>),
    Plain {
        started: Instant,
        last: Option<Instant>,
    },
}

impl Display {
    /// Live when stdout is a terminal and `plain` is not wanted.
    pub(super) fn new(plain: bool) -> Self {
        let target = ProgressDrawTarget::stdout();
        if plain || target.is_hidden() {
            return Display::Plain { started: Instant::now(), last: None };
        }
        Display::Live(MultiProgress::with_draw_target(target), Vec::new())
    }

    pub(super) fn show(&mut self, state: &State) {
        match self {
            Display::Live(lines, bars) => {
                for (number, text) in table(state).lines().enumerate() {
                    if bars.len() == number {
                        let style = ProgressStyle::with_template("{msg}").expect("the template is valid");
                        bars.push(lines.add(ProgressBar::no_length().with_style(style)));
                    }
                    bars[number].set_message(text.to_owned());
                }
            }
            Display::Plain { started, last } => {
                if last.is_none_or(|last| last.elapsed() >= PLAIN_EVERY) {
                    *last = Some(Instant::now());
                    print(&line(started.elapsed(), &sum(state)));
                }
            }
        }
    }

    /// Leaves the screen to the summary.
    pub(super) fn end(self) {
        if let Display::Live(lines, _) = self {
            lines.clear().ok();
        }
    }
}

/// Writes to stdout; a reader that has gone away is no reason to stop.
pub(crate) fn print(text: &str) {
    let mut out = std::io::stdout();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).ok();
}

/// The whole table, with a row for the sum.
pub(super) fn table(state: &State) -> String {
    let mut text = format!(
        "{:<32} {:>9} {:>9} {:>7} {:>9} {:>6} {:>7} {:>8} {:>5}\n",
        "table", "written", "arrived", "aside", "MB", "ratio", "lag", "longest", "blobs"
    );
    let total = ("all".to_owned(), sum(state));
    for (name, entry) in state.iter().chain([(&total.0, &total.1)]) {
        writeln!(
            text,
            "{name:<32} {:>9} {:>9} {:>7} {:>9.1} {:>6} {:>5.1} s {:>6.1} s {:>5}",
            entry.written.good.rows,
            entry.arrived.rows,
            entry.refused.len(),
            megabytes(entry.written.bytes),
            ratio(entry),
            entry.lag.as_secs_f64(),
            entry.longest_lag.as_secs_f64(),
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

/// Numbers added up; of lags the longest.
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
        sum.longest_lag = sum.longest_lag.max(entry.longest_lag);
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
        (entry.lag, entry.longest_lag) = (Duration::from_millis(1500), Duration::from_millis(2500));
        let state: State = [("A", entry.clone()), ("B", entry)].map(|(name, entry)| (name.to_owned(), entry)).into();
        let text = table(&state);
        assert_eq!(text.lines().count(), 4);
        let words: Vec<_> = text.lines().last().unwrap().split_whitespace().collect();
        assert_eq!(words, ["all", "20", "18", "0", "4.0", "10.0", "1.5", "s", "2.5", "s", "0"]);
    }
}
