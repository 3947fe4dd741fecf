//! How far a backfill is: a bar on a terminal, plain lines elsewhere.

use std::io::IsTerminal as _;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::ledger::Record;

/// Pause between two plain lines.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Counts what is done, and shows it. Cheap to share.
#[derive(Debug)]
pub struct Progress {
    bar: Option<ProgressBar>,
    begun: Instant,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Seen {
    total: Totals,
    planned: u64,
    done: u64,
    said: Option<Instant>,
}

/// What a run did.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Slices that are done.
    pub slices: u64,
    /// Rows that are at their destination.
    pub rows: u64,
    /// Their size as JSON, in bytes.
    pub bytes: u64,
    /// Rows that were set aside.
    pub set_aside: u64,
    /// Rows that may be there twice.
    pub perhaps_twice: u64,
}

impl Progress {
    /// Of `rows` rows that were counted.
    #[must_use]
    pub fn new(rows: u64) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(rows), ProgressDrawTarget::stderr_with_hz(4));
            let style = ProgressStyle::with_template(
                "{bar:30} {percent:>3} %  {human_pos}/{human_len} rows  {msg}  {per_sec}  {eta} left",
            );
            bar.set_style(style.expect("the template is right").with_key(
                "per_sec",
                |state: &indicatif::ProgressState, out: &mut dyn std::fmt::Write| {
                    write!(out, "{:.0} rows/s", state.per_sec()).ok();
                },
            ));
            bar
        });
        let seen = Seen { planned: rows, ..Seen::default() };
        Self { bar, begun: Instant::now(), seen: Mutex::new(seen) }
    }

    /// A slice is done, by us or by somebody else at the same time.
    pub fn done(&self, record: &Record) {
        let mut seen = self.seen.lock().expect("nothing panics while it is held");
        seen.total.slices += 1;
        seen.total.rows += record.rows;
        seen.total.bytes += record.bytes;
        seen.total.set_aside += record.set_aside;
        seen.total.perhaps_twice += record.perhaps_twice;
        seen.done += record.rows + record.set_aside;
        match &self.bar {
            Some(bar) => {
                bar.set_message(format!("{:.1} MB", megabytes(seen.total.bytes)));
                bar.set_position(seen.done);
            }
            None if seen.said.is_none_or(|said| said.elapsed() >= LINE_EVERY) => {
                seen.said = Some(Instant::now());
                crate::log::say(&line(seen.total, seen.planned, seen.done, self.begun.elapsed()));
            }
            None => {}
        }
    }

    /// Takes the bar away, and gives what was done and how long it took.
    #[must_use]
    pub fn finish(self) -> (Totals, Duration) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        (self.seen.into_inner().expect("nothing panics while it is held").total, self.begun.elapsed())
    }
}

#[expect(clippy::cast_precision_loss, reason = "shown with one digit")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

#[expect(clippy::cast_precision_loss, reason = "shown without digits")]
fn line(total: Totals, planned: u64, done: u64, elapsed: Duration) -> String {
    let speed = done as f64 / elapsed.as_secs_f64().max(0.001);
    let left = planned.saturating_sub(done) as f64 / speed.max(0.001);
    format!(
        "{done} of {planned} rows, {:.1} MB, {speed:.0} rows/s, about {} left",
        megabytes(total.bytes),
        duration(Duration::try_from_secs_f64(left).unwrap_or_default())
    )
}

/// `2 d 3 h`, `3 h 4 min`, `4 min` or `5 s`.
#[must_use]
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_what_is_done_how_fast_and_what_is_left() {
        let total = Totals { bytes: 2_500_000, ..Totals::default() };
        let said = line(total, 1000, 250, Duration::from_secs(50));
        assert_eq!(said, "250 of 1000 rows, 2.5 MB, 5 rows/s, about 2 min left");
        for (seconds, wanted) in [(0, "0 s"), (61, "1 min"), (3700, "1 h 1 min"), (200_000, "2 d 7 h")] {
            assert_eq!(duration(Duration::from_secs(seconds)), wanted);
        }
    }
}
