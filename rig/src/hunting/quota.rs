//! The CPU quota of a tenant: what is spent in one cycle keeps queries out until the next.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The quota.
#[derive(Debug)]
pub(crate) struct Cpu {
    quota: Duration,
    cycle: Duration,
    began: Instant,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The number of the cycle that `spent` is about.
    cycle: u128,
    spent: Duration,
    turned_away: usize,
}

impl Cpu {
    /// A quota whose first cycle begins at that time.
    pub(crate) fn new(quota: Duration, cycle: Duration, began: Instant) -> Self {
        Self { quota, cycle, began, state: Mutex::default() }
    }

    /// Lets a query in, or says how long it takes until the next cycle.
    pub(crate) fn enter(&self, now: Instant) -> Result<(), Duration> {
        let mut state = self.state(now);
        if state.spent < self.quota {
            return Ok(());
        }
        state.turned_away += 1;
        let nanoseconds = self.since(now).as_nanos() % self.cycle.as_nanos().max(1);
        Err(self.cycle.saturating_sub(Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))))
    }

    /// Spends what a query cost.
    pub(crate) fn spend(&self, cost: Duration, now: Instant) {
        self.state(now).spent += cost;
    }

    /// Queries that were turned away.
    pub(crate) fn turned_away(&self) -> usize {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).turned_away
    }

    fn since(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.began)
    }

    /// The state of the cycle that is now.
    fn state(&self, now: Instant) -> MutexGuard<'_, State> {
        let cycle = self.since(now).as_nanos() / self.cycle.as_nanos().max(1);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.cycle != cycle {
            (state.cycle, state.spent) = (cycle, Duration::ZERO);
        }
        state
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spent_until_the_next_cycle() {
        let (began, second) = (Instant::now(), Duration::from_secs(1));
        let cpu = Cpu::new(10 * second, 900 * second, began);
        let enter = |at: u32| cpu.enter(began + at * second);
        assert_eq!(enter(0), Ok(()));
        cpu.spend(9 * second, began + second);
        assert_eq!(enter(2), Ok(()), "there is some left");
        cpu.spend(9 * second, began + 3 * second);
        assert_eq!((enter(4), enter(899)), (Err(896 * second), Err(second)));
        assert_eq!((enter(900), cpu.turned_away()), (Ok(()), 2));
        cpu.spend(10 * second, began + 1000 * second);
        assert_eq!((enter(1000), enter(2700)), (Err(800 * second), Ok(())));
    }
}
