//! How long rows are under way: from their append until Axiom has acknowledged them, table by table, from counts that are looked at again and again.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// Counts of rows that are written and not arrived, with the time at which they were first seen.
#[derive(Debug, Default)]
pub(crate) struct Lag {
    waiting: BTreeMap<String, VecDeque<(Instant, u64)>>,
    done: Vec<Duration>,
}

impl Lag {
    /// Takes a look at a table: so many rows were written by now, so many have arrived. Gives the age of the oldest row that has not.
    pub(crate) fn look(&mut self, table: &str, written: u64, arrived: u64, now: Instant) -> Duration {
        let waiting = self.waiting.entry(table.to_owned()).or_default();
        if waiting.back().is_none_or(|(_, rows)| *rows < written) {
            waiting.push_back((now, written));
        }
        while let Some((since, _)) = waiting.pop_front_if(|(_, rows)| *rows <= arrived) {
            self.done.push(now.duration_since(since));
        }
        waiting.front().map_or(Duration::ZERO, |(since, _)| now.duration_since(*since))
    }

    /// How long rows were under way that have arrived since the last call, one value for each time that new ones were seen.
    pub(crate) fn take_done(&mut self) -> Vec<Duration> {
        std::mem::take(&mut self.done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_wait_in_the_order_in_which_they_were_written() {
        let mut lag = Lag::default();
        let start = Instant::now();
        let at = |second| start + Duration::from_secs(second);
        assert_eq!(lag.look("a", 10, 0, at(0)), Duration::ZERO);
        assert_eq!(lag.look("a", 30, 5, at(2)), Duration::from_secs(2));
        assert_eq!(lag.look("b", 7, 0, at(2)), Duration::ZERO);
        assert_eq!(lag.look("a", 30, 10, at(3)), Duration::from_secs(1), "the second lot, seen at 2 s");
        assert_eq!(lag.look("a", 30, 30, at(9)), Duration::ZERO);
        assert_eq!(lag.take_done(), [3, 7].map(Duration::from_secs));
        assert!(lag.take_done().is_empty());
    }
}
