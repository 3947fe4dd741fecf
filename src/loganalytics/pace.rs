//! When the next request may start: at most so many in a stretch of time, and none while the service asks for a pause. Pure; the time is handed in.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// "200 requests per 30 seconds" for each user (limits of the query API).
const CALLS: usize = 200;
const WINDOW: Duration = Duration::from_secs(30);

/// A request may be on its way for longer than the one before it, and both arrive closer together than they left.
const SLACK: Duration = Duration::from_millis(500);

/// The starts of the last requests.
#[derive(Debug, Default)]
pub(super) struct Pace {
    starts: VecDeque<Instant>,
    not_before: Option<Instant>,
}

impl Pace {
    /// Takes the next place, and tells when it is.
    pub(super) fn next(&mut self, now: Instant) -> Instant {
        let room = match self.starts.len() {
            CALLS => self.starts.pop_front().map(|first| first + WINDOW + SLACK),
            _ => None,
        };
        let start = [Some(now), room, self.not_before].into_iter().flatten().max().unwrap_or(now);
        self.starts.push_back(start);
        start
    }

    /// Nothing starts before this.
    pub(super) fn pause(&mut self, until: Instant) {
        self.not_before = self.not_before.max(Some(until));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_stretch_of_thirty_seconds_has_more_than_two_hundred() {
        let (mut pace, begin) = (Pace::default(), Instant::now());
        let starts: Vec<_> = (0..1000).map(|_| pace.next(begin)).collect();
        assert!(starts.windows(2).all(|pair| pair[0] <= pair[1]));
        assert!(starts.windows(CALLS + 1).all(|calls| calls[CALLS] - calls[0] > WINDOW));
        assert_eq!(starts[CALLS - 1], begin, "the first ones need not wait");
        assert_eq!(starts[999] - begin, 4 * (WINDOW + SLACK));
    }

    #[test]
    fn a_pause_is_kept_and_not_shortened() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        pace.pause(now + Duration::from_secs(9));
        pace.pause(now + Duration::from_secs(2));
        assert_eq!(pace.next(now), now + Duration::from_secs(9));
        assert_eq!(pace.next(now + Duration::from_secs(20)), now + Duration::from_secs(20));
    }
}
