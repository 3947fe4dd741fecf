//! How many queries may come, and how many may run: the rate, the places, and the queue before them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout};

use super::options::Options;
use crate::kql::Plan;
use crate::rate::Rate;

/// The pace of one user.
#[derive(Debug)]
pub(crate) struct Pace {
    rate: Rate,
    analytics: Lane,
    basic: Lane,
}

/// Places for queries of one plan.
#[derive(Debug)]
struct Lane {
    places: Semaphore,
    running: AtomicUsize,
    waiting: AtomicUsize,
    queue: usize,
    queue_wait: Duration,
}

/// A place; the query runs while it is held.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    _permit: SemaphorePermit<'a>,
    _running: Counted<'a>,
    /// Queries that ran when this one began, itself among them.
    pub(crate) at_once: usize,
}

impl Pace {
    pub(crate) fn new(options: &Options) -> Self {
        let lane = |places| Lane {
            places: Semaphore::new(places),
            running: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            queue: options.queue,
            queue_wait: options.queue_wait,
        };
        Self {
            rate: Rate::new(options.rate, options.rate_window),
            analytics: lane(options.at_once),
            basic: lane(options.at_once_basic),
        }
    }

    /// Counts a query that comes now, or says how long it takes until one may come again. Those that are turned away do not count.
    pub(crate) fn count(&self, now: Instant) -> Result<(), Duration> {
        self.rate.count(now)
    }

    /// Waits for a place; `None` says that the queue is full, or the wait too long.
    pub(crate) async fn enter(&self, plan: Plan) -> Option<Place<'_>> {
        let lane = match plan {
            Plan::Analytics => &self.analytics,
            Plan::Basic => &self.basic,
        };
        let permit = match lane.places.try_acquire() {
            Ok(permit) => permit,
            Err(_) => {
                let waiting = Counted::begin(&lane.waiting);
                if waiting.now > lane.queue {
                    return None;
                }
                timeout(lane.queue_wait, lane.places.acquire()).await.ok()?.ok()?
            }
        };
        let running = Counted::begin(&lane.running);
        Some(Place { _permit: permit, at_once: running.now, _running: running })
    }

    /// Queries that wait for a place.
    pub(crate) fn waiting(&self) -> usize {
        [&self.analytics, &self.basic].map(|lane| lane.waiting.load(Ordering::SeqCst)).iter().sum()
    }
}

/// One more, until it is dropped.
#[derive(Debug)]
struct Counted<'a> {
    counter: &'a AtomicUsize,
    now: usize,
}

impl<'a> Counted<'a> {
    fn begin(counter: &'a AtomicUsize) -> Self {
        Self { counter, now: counter.fetch_add(1, Ordering::SeqCst) + 1 }
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.counter.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn places_and_queue() {
        let pace = Pace::new(&Options { at_once: 2, queue: 1, ..Options::default() });
        let first = pace.enter(Plan::Analytics).await.expect("a place");
        let second = pace.enter(Plan::Analytics).await.expect("a place");
        assert_eq!((first.at_once, second.at_once), (1, 2));
        let basic = pace.enter(Plan::Basic).await.expect("places of its own");
        assert_eq!(basic.at_once, 1);
        let leave = async {
            assert_eq!(pace.waiting(), 1);
            assert!(pace.enter(Plan::Analytics).await.is_none(), "the queue is full");
            drop(first);
        };
        let (third, ()) = tokio::join!(pace.enter(Plan::Analytics), leave);
        assert_eq!(third.expect("a place").at_once, 2);
        assert_eq!(pace.waiting(), 0);
    }

    #[tokio::test]
    async fn waiting_ends() {
        let queue_wait = Duration::from_millis(1);
        let pace = Pace::new(&Options { at_once: 1, queue_wait, ..Options::default() });
        let first = pace.enter(Plan::Analytics).await.expect("a place");
        assert!(pace.enter(Plan::Analytics).await.is_none());
        assert_eq!(pace.waiting(), 0);
        drop(first);
        assert_eq!(pace.enter(Plan::Analytics).await.expect("a place").at_once, 1);
    }
}
