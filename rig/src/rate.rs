//! How many requests may come in a stretch of time.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// A limit on requests in any stretch of time, and the count of them.
#[derive(Debug)]
pub(crate) struct Rate {
    limit: usize,
    window: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// When the requests of the last stretch came.
    recent: VecDeque<Instant>,
    /// The most that any stretch has had.
    most: usize,
    turned_away: usize,
}

impl Rate {
    pub(crate) fn new(limit: usize, window: Duration) -> Self {
        Self { limit, window, state: Mutex::default() }
    }

    /// Counts a request that comes now, or says how long it takes until one may come again. Those that are turned away do not count.
    pub(crate) fn count(&self, now: Instant) -> Result<(), Duration> {
        let mut state = self.state();
        while state.recent.front().is_some_and(|first| *first + self.window <= now) {
            state.recent.pop_front();
        }
        if state.recent.len() < self.limit {
            state.recent.push_back(now);
            state.most = state.most.max(state.recent.len());
            return Ok(());
        }
        state.turned_away += 1;
        Err(state.recent.front().map_or(self.window, |first| *first + self.window - now))
    }

    /// How many requests may come now, and how long it takes until more may.
    pub(crate) fn left(&self, now: Instant) -> (usize, Duration) {
        let state = self.state();
        let recent = state.recent.iter().filter(|came| **came + self.window > now);
        let resets = recent.clone().next().map_or(self.window, |first| *first + self.window - now);
        (self.limit.saturating_sub(recent.count()), resets)
    }

    /// The most requests that were let in within one stretch.
    pub(crate) fn most(&self) -> usize {
        self.state().most
    }

    /// Requests that were turned away.
    pub(crate) fn turned_away(&self) -> usize {
        self.state().turned_away
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A time as `Retry-After` has it: whole seconds, rather too many.
pub(crate) fn seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_slides() {
        let rate = Rate::new(3, Duration::from_secs(30));
        let began = Instant::now();
        let check = |at: u64, expected: Result<(), u64>| {
            let counted = rate.count(began + Duration::from_secs(at));
            assert_eq!(counted, expected.map_err(Duration::from_secs), "at {at} s");
        };
        check(0, Ok(()));
        check(10, Ok(()));
        check(20, Ok(()));
        check(20, Err(10));
        check(29, Err(1));
        check(30, Ok(()));
        check(30, Err(10));
        check(45, Ok(()));
        check(45, Err(5));
        assert_eq!((rate.most(), rate.turned_away()), (3, 4));
        let left = |at: u64| rate.left(began + Duration::from_secs(at));
        assert_eq!((left(49), left(50)), ((0, Duration::from_secs(1)), (1, Duration::from_secs(10))));
        assert_eq!(left(90), (3, Duration::from_secs(30)));
    }

    #[test]
    fn whole_seconds() {
        assert_eq!(
            [0, 1, 999, 1000, 1001].map(|milliseconds| seconds(Duration::from_millis(milliseconds))),
            [0, 1, 1, 1, 2]
        );
    }
}
