//! Waiting between the attempts of a delivery, and the pause that all deliveries share.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::outcome::{Cause, Stop};
use crate::retry::Backoff;

/// Longest pause; after it one request finds out anew, so that a limit raised in the meantime is noticed.
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);

/// A time during which nothing is sent: Axiom may suspend ingest of an organisation whose clients do not heed its limits.
#[derive(Debug, Default)]
pub(super) struct Pause {
    until: Mutex<Option<Instant>>,
}

impl Pause {
    /// What is left of it.
    pub(super) fn left(&self) -> Option<Duration> {
        let until = *self.until.lock().unwrap_or_else(PoisonError::into_inner);
        until.map(|until| until.saturating_duration_since(Instant::now())).filter(|left| !left.is_zero())
    }

    /// Makes it last for `wait` from now on, if it would end before.
    pub(super) fn at_least(&self, wait: Duration) {
        let end = Instant::now() + wait.min(LONGEST_PAUSE);
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        *until = Some(until.map_or(end, |until| until.max(end)));
    }
}

/// The attempts of one delivery.
pub(super) struct Tries<'a> {
    pause: &'a Pause,
    fresh: Backoff,
    backoff: Backoff,
    deadline: Instant,
    last: Option<Cause>,
}

impl<'a> Tries<'a> {
    pub(super) fn new(pause: &'a Pause, backoff: Backoff, deadline: Instant) -> Self {
        Self { pause, fresh: backoff.clone(), backoff, deadline, last: None }
    }

    /// Waits until a request may go out. No request starts after the deadline; one that is under way ends by its own timeout, because cutting it off
    /// would make its outcome unknown.
    pub(super) async fn ready(&mut self) -> Result<(), Stop> {
        loop {
            let left = self.left();
            let pause = self.pause.left();
            if left.is_zero() {
                return Err(Stop::Later { wait: pause, cause: self.last.take().unwrap_or(Cause::Deadline) });
            }
            match pause {
                None => return Ok(()),
                Some(pause) if pause < left => sleep(pause).await,
                Some(pause) => {
                    return Err(Stop::Later { wait: Some(pause), cause: self.last.take().unwrap_or(Cause::Paused) });
                }
            }
        }
    }

    /// Waits before the next attempt after trouble.
    pub(super) async fn rest(&mut self, asked: Option<Duration>, cause: Cause) -> Result<(), Stop> {
        tracing::debug!(?cause, "attempt failed");
        let Some(wait) = self.backoff.next(fastrand::f64(), asked, self.left()) else {
            return Err(self.give_up(asked, cause));
        };
        self.last = Some(cause);
        sleep(wait).await;
        Ok(())
    }

    /// Makes everybody wait, as Axiom asks.
    pub(super) fn limited(&mut self, asked: Option<Duration>, cause: Cause) -> Result<(), Stop> {
        tracing::debug!(?cause, "limit reached");
        let Some(wait) = self.backoff.next(fastrand::f64(), asked, self.left()) else {
            return Err(self.give_up(asked, cause));
        };
        self.last = Some(cause);
        self.pause.at_least(wait);
        Ok(())
    }

    /// Ends the attempts and makes others wait too: what outlasted them is not over when the next visit starts.
    pub(super) fn give_up(&self, asked: Option<Duration>, cause: Cause) -> Stop {
        self.pause.at_least(asked.unwrap_or_default().max(self.backoff.cap()));
        Stop::Later { wait: asked, cause }
    }

    /// After progress the waits start small again.
    pub(super) fn progress(&mut self) {
        self.backoff = self.fresh.clone();
    }

    fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOMENT: Duration = Duration::from_millis(1);
    const HOUR: Duration = Duration::from_secs(3600);

    fn cause() -> Cause {
        Cause::Answered { status: 503, reason: "busy".to_owned() }
    }

    /// The attempts of a delivery that has `left` from now.
    fn tries(pause: &Pause, left: Duration) -> Tries<'_> {
        Tries::new(pause, Backoff::new(MOMENT, 4 * MOMENT), Instant::now() + left)
    }

    #[tokio::test]
    async fn trouble_is_waited_out_until_the_deadline() {
        let pause = Pause::default();
        let mut tries = tries(&pause, 50 * MOMENT);
        let stop = loop {
            if let Err(stop) = tries.ready().await {
                break stop;
            }
            if let Err(stop) = tries.rest(None, cause()).await {
                break stop;
            }
        };
        assert!(matches!(stop, Stop::Later { wait: None, cause: Cause::Answered { status: 503, .. } }), "{stop:?}");
    }

    #[tokio::test]
    async fn trouble_that_asks_for_more_than_is_left_makes_others_wait() {
        let pause = Pause::default();
        let stop = tries(&pause, HOUR).rest(Some(2 * HOUR), cause()).await.expect_err("too long");
        assert!(matches!(stop, Stop::Later { wait: Some(wait), cause: Cause::Answered { .. } } if wait == 2 * HOUR));
        assert!(pause.left().is_some_and(|left| left <= LONGEST_PAUSE), "found out anew before two hours are over");
    }

    #[tokio::test]
    async fn a_limit_pauses_everybody() {
        let pause = Pause::default();
        let (mut told, mut other) = (tries(&pause, HOUR), tries(&pause, HOUR));
        told.limited(Some(20 * MOMENT), cause()).expect("it fits");
        other.ready().await.expect("it fits");
        assert_eq!(pause.left(), None, "it was waited for");
        told.limited(Some(HOUR / 10), cause()).expect("it fits");
        let stop = tries(&pause, HOUR / 20).ready().await.expect_err("its deadline comes first");
        assert!(matches!(stop, Stop::Later { wait: Some(_), cause: Cause::Paused }), "{stop:?}");
        let before = pause.left();
        pause.at_least(MOMENT);
        assert!(pause.left() > before.map(|left| left / 2), "a shorter wait does not end it");
    }

    #[tokio::test]
    async fn nothing_starts_after_the_deadline() {
        let pause = Pause::default();
        let stop = tries(&pause, Duration::ZERO).ready().await;
        assert!(matches!(stop, Err(Stop::Later { wait: None, cause: Cause::Deadline })));
    }
}
