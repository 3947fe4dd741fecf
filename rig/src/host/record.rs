//! What happened: the counts, the violations of the host's contract, and the lines that the handler printed.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// Lines that are kept; older ones are dropped.
const LINES_KEPT: usize = 10_000;
/// Violations that are kept, so that a long run of failures does not fill the memory.
const VIOLATIONS_KEPT: usize = 1_000;

/// Counts since the host started.
#[derive(Debug, Clone, Default)]
pub struct Stats {
    /// Invocations sent or about to be sent, by any trigger.
    pub invocations: u64,
    /// Invocations that the host judged a success.
    pub succeeded: u64,
    /// Invocations that failed, in whatever way.
    pub failed: u64,
    /// Invocations that run now.
    pub in_flight: u64,
    /// Most invocations that ran at one time.
    pub most_in_flight: u64,
    /// Messages delivered with a dequeue count above 1.
    pub redelivered: u64,
    /// Copies that the host itself put on the queue, on request.
    pub duplicated: u64,
    /// Events that the checkpoint passed although no call for them succeeded.
    pub events_lost: u64,
    /// Messages moved to the poison queue.
    pub poisoned: u64,
    /// Error events: exits other than 0 and 200, kills, starts that were never answered.
    pub crashes: u64,
    /// Starts of the handler process, the first included.
    pub starts: u64,
    /// Lines on stderr that the host logs as errors.
    pub error_lines: u64,
    /// Lines of `Logs` in successful answers.
    pub log_lines: u64,
    /// Health pings answered.
    pub pings: u64,
    /// The slowest answer to a health ping.
    pub worst_ping: Duration,
    /// What a handler must never do, one sentence each (the first 1,000).
    pub violations: Vec<String>,
    /// Why the host ended by itself, if it did.
    pub ended: Option<String>,
}

/// The level under which the host logs a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Any line on stdout.
    Information,
    /// A line on stderr that contains "warn" in any case.
    Warning,
    /// Every other line on stderr.
    Error,
}

/// One line that the handler printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The level under which the host logs it.
    pub level: Level,
    /// The line without its end.
    pub text: String,
}

/// Called with every line as it arrives.
pub type OnLine = Arc<dyn Fn(&Line) + Send + Sync>;

/// The record of one host, shared by everything that has something to add.
pub(crate) struct Record {
    stats: Mutex<Stats>,
    lines: Mutex<VecDeque<Line>>,
    on_line: Option<OnLine>,
}

impl Record {
    pub(crate) fn new(on_line: Option<OnLine>) -> Record {
        Record { stats: Mutex::default(), lines: Mutex::default(), on_line }
    }

    pub(crate) fn stats(&self) -> MutexGuard<'_, Stats> {
        self.stats.lock().expect("no holder of the lock panics")
    }

    pub(crate) fn lines(&self) -> Vec<Line> {
        self.lines.lock().expect("no holder of the lock panics").iter().cloned().collect()
    }

    pub(crate) fn violation(&self, what: String) {
        let mut stats = self.stats();
        if stats.violations.len() < VIOLATIONS_KEPT {
            stats.violations.push(what);
        }
    }

    pub(crate) fn line(&self, from_stderr: bool, text: String) {
        let level = match from_stderr {
            false => Level::Information,
            true if text.to_ascii_lowercase().contains("warn") => Level::Warning,
            true => Level::Error,
        };
        let line = Line { level, text };
        if let Some(on_line) = &self.on_line {
            on_line(&line);
        }
        self.stats().error_lines += u64::from(level == Level::Error);
        let mut lines = self.lines.lock().expect("no holder of the lock panics");
        if lines.len() == LINES_KEPT {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    /// The last lines on stderr: the host puts three of them into the message about a crash.
    pub(crate) fn last_errors(&self) -> String {
        let lines = self.lines.lock().expect("no holder of the lock panics");
        let mut last: Vec<&str> = lines
            .iter()
            .rev()
            .filter(|line| line.level != Level::Information)
            .map(|line| line.text.as_str())
            .take(3)
            .collect();
        last.reverse();
        last.join(" / ")
    }

    /// Counts an invocation as running until the guard is dropped.
    pub(crate) fn flight(self: &Arc<Self>) -> Flight {
        let mut stats = self.stats();
        stats.invocations += 1;
        stats.in_flight += 1;
        stats.most_in_flight = stats.most_in_flight.max(stats.in_flight);
        drop(stats);
        Flight(Arc::clone(self))
    }
}

/// One running invocation.
pub(crate) struct Flight(Arc<Record>);

impl Drop for Flight {
    fn drop(&mut self) {
        self.0.stats().in_flight -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stderr_is_an_error_unless_it_says_warn() {
        let record = Record::new(None);
        record.line(false, "out".to_owned());
        record.line(true, "WARNing".to_owned());
        record.line(true, "broken".to_owned());
        let levels: Vec<Level> = record.lines().iter().map(|line| line.level).collect();
        assert_eq!(levels, [Level::Information, Level::Warning, Level::Error]);
        assert_eq!(record.stats().error_lines, 1);
        assert_eq!(record.last_errors(), "WARNing / broken");
    }

    #[test]
    fn old_lines_are_dropped() {
        let record = Record::new(None);
        (0..=LINES_KEPT).for_each(|i| record.line(false, i.to_string()));
        let lines = record.lines();
        assert_eq!((lines.len(), lines[0].text.as_str()), (LINES_KEPT, "1"));
    }
}
