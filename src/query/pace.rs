//! When the next request may start: at most so many in a stretch of time, and none while the service asks for a pause. Pure; the time is handed in.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// A request may be on its way for longer than the one before it, and both arrive closer together than they left.
const SLACK: Duration = Duration::from_millis(500);

/// The starts of the last requests, and how many there may be.
#[derive(Debug)]
pub struct Pace {
    calls: usize,
    window: Duration,
    /// Pause between two starts; none where a service takes them in one burst.
    spread: Duration,
    starts: VecDeque<Instant>,
    not_before: Option<Instant>,
}

impl Pace {
    /// So many calls in a stretch of time, as early as can be.
    #[must_use]
    pub fn burst(calls: usize, window: Duration) -> Self {
        Self { calls, window, spread: Duration::ZERO, starts: VecDeque::new(), not_before: None }
    }

    /// So many calls in a stretch of time, spread evenly over it.
    #[must_use]
    pub fn even(calls: usize, window: Duration) -> Self {
        let spread = window / u32::try_from(calls).unwrap_or(u32::MAX).max(1);
        Self { spread, ..Self::burst(calls, window) }
    }

    /// Takes the next place, and tells when it is.
    pub(crate) fn next(&mut self, now: Instant) -> Instant {
        let room = match self.starts.len() {
            all if all == self.calls => self.starts.pop_front().map(|first| first + self.window + SLACK),
            _ => None,
        };
        let spread = self.starts.back().map(|last| *last + self.spread);
        let start = [Some(now), room, spread, self.not_before].into_iter().flatten().max().unwrap_or(now);
        self.starts.push_back(start);
        start
    }

    /// Nothing starts before this.
    pub(crate) fn pause(&mut self, until: Instant) {
        self.not_before = self.not_before.max(Some(until));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALLS: usize = 200;
    const WINDOW: Duration = Duration::from_secs(30);

    #[test]
    fn calls_are_spread_evenly_and_use_nearly_all_that_is_allowed() {
        let (mut pace, begin) = (Pace::even(45, Duration::from_secs(60)), Instant::now());
        let starts: Vec<_> = (0..450).map(|_| pace.next(begin)).collect();
        assert!(starts.windows(2).all(|pair| pair[1] - pair[0] >= Duration::from_secs(60) / 45));
        assert!(starts.windows(46).all(|calls| calls[45] - calls[0] > Duration::from_secs(60)));
        assert!(starts[449] - begin < Duration::from_secs(600) * 100 / 95, "{:?}", starts[449] - begin);
    }

    #[test]
    fn no_stretch_of_thirty_seconds_has_more_than_two_hundred() {
        let (mut pace, begin) = (Pace::burst(CALLS, WINDOW), Instant::now());
        let starts: Vec<_> = (0..1000).map(|_| pace.next(begin)).collect();
        assert!(starts.windows(2).all(|pair| pair[0] <= pair[1]));
        assert!(starts.windows(CALLS + 1).all(|calls| calls[CALLS] - calls[0] > WINDOW));
        assert_eq!(starts[CALLS - 1], begin, "the first ones need not wait");
        assert_eq!(starts[999] - begin, 4 * (WINDOW + SLACK));
    }

    #[test]
    fn a_pause_is_kept_and_not_shortened() {
        let (mut pace, now) = (Pace::burst(CALLS, WINDOW), Instant::now());
        pace.pause(now + Duration::from_secs(9));
        pace.pause(now + Duration::from_secs(2));
        assert_eq!(pace.next(now), now + Duration::from_secs(9));
        assert_eq!(pace.next(now + Duration::from_secs(20)), now + Duration::from_secs(20));
    }
}
