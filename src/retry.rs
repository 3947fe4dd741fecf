//! When to try again: full-jitter exponential backoff, bounded by time. Pure: randomness and the time left are handed in.

use std::time::Duration;

/// Grows the waits between attempts; start a new one after every success.
///
/// "Full jitter" (a wait drawn evenly between zero and the exponential bound) spreads the attempts of many visits better than a fixed wait with
/// some noise on it: after an outage they would all come back in the same instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backoff {
    base: Duration,
    cap: Duration,
    attempts: u32,
}

impl Backoff {
    /// Waits of at most `base` before the second attempt, twice that before the third, and never more than `cap`.
    #[must_use]
    pub const fn new(base: Duration, cap: Duration) -> Self {
        Self { base, cap, attempts: 0 }
    }

    /// The wait before the next attempt, or `None` when it would outlast the time that is `left`.
    ///
    /// `random` lies in `0.0..1.0`. `asked` is what the other side wants: that much is waited, however long, and the jitter comes on top of it, because
    /// everybody who was told the same time comes back then.
    pub fn next(&mut self, random: f64, asked: Option<Duration>, left: Duration) -> Option<Duration> {
        let bound = self.base.saturating_mul(2_u32.saturating_pow(self.attempts)).min(self.cap);
        self.attempts = self.attempts.saturating_add(1);
        let wait = bound.mul_f64(random.clamp(0.0, 1.0)).saturating_add(asked.unwrap_or_default());
        (wait < left).then_some(wait)
    }

    /// The longest wait that this gives unasked.
    #[must_use]
    pub const fn cap(&self) -> Duration {
        self.cap
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn backoff() -> Backoff {
        Backoff::new(Duration::from_millis(200), Duration::from_secs(30))
    }

    #[test]
    fn bounds_double_up_to_the_cap() {
        let mut backoff = backoff();
        let waits: Vec<_> =
            (0..10).filter_map(|_| backoff.next(1.0, None, HOUR)).map(|wait| wait.as_millis()).collect();
        assert_eq!(waits, [200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000]);
        let mut long = Backoff { attempts: u32::MAX, ..backoff };
        assert_eq!(long.next(1.0, None, HOUR), Some(Duration::from_secs(30)), "no overflow after many attempts");
    }

    #[test]
    fn waits_are_spread_between_zero_and_the_bound() {
        let seed = 7;
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        let waits: Vec<_> = (0..1000).filter_map(|_| backoff().next(random.f64(), None, HOUR)).collect();
        assert_eq!(waits.len(), 1000);
        assert!(waits.iter().all(|wait| *wait <= Duration::from_millis(200)));
        for quarter in 0..4 {
            let range = Duration::from_millis(50 * quarter)..Duration::from_millis(50 * (quarter + 1));
            let hits = waits.iter().filter(|wait| range.contains(wait)).count();
            assert!((150..350).contains(&hits), "{hits} waits in {range:?}");
        }
    }

    #[test]
    fn what_the_other_side_asks_is_waited_and_the_time_left_is_the_bound() {
        let check = |random, asked: Option<u64>, left: u64, expected: Option<u64>| {
            let wait = backoff().next(random, asked.map(Duration::from_millis), Duration::from_millis(left));
            assert_eq!(wait, expected.map(Duration::from_millis), "{random} {asked:?} {left}");
        };
        check(0.5, None, 1000, Some(100));
        check(0.5, Some(50), 1000, Some(150));
        check(0.5, Some(700), 1000, Some(800));
        check(0.0, Some(700), 1000, Some(700));
        check(0.5, Some(60_000), 90_000, Some(60_100));
        check(0.5, Some(u64::MAX), 1000, None);
        check(0.5, Some(1000), 1000, None);
        check(0.0, None, 0, None);
    }
}
