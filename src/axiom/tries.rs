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

    const SECOND: Duration = Duration::from_secs(1);

    fn cause() -> Cause {
        Cause::Answered { status: 503, reason: "busy".to_owned() }
    }

    #[tokio::test(start_paused = true)]
    async fn trouble_is_waited_out_within_the_deadline() {
        let pause = Pause::default();
        let start = Instant::now();
        let mut tries = Tries::new(&pause, Backoff::new(SECOND, 4 * SECOND), start + 60 * SECOND);
        let stop = loop {
            tries.ready().await.expect("nothing pauses");
            if let Err(stop) = tries.rest(None, cause()).await {
                break stop;
            }
        };
        assert!(start.elapsed() < 60 * SECOND && start.elapsed() > 50 * SECOND, "{:?}", start.elapsed());
        assert!(matches!(stop, Stop::Later { wait: None, cause: Cause::Answered { status: 503, .. } }));
        assert_eq!(pause.left(), Some(4 * SECOND), "others wait as well");
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_pauses_everybody() {
        let pause = Pause::default();
        let start = Instant::now();
        let mut told = Tries::new(&pause, Backoff::new(SECOND, 4 * SECOND), start + 60 * SECOND);
        let mut other = Tries::new(&pause, Backoff::new(SECOND, 4 * SECOND), start + 60 * SECOND);
        let mut hurried = Tries::new(&pause, Backoff::new(SECOND, 4 * SECOND), start + 20 * SECOND);
        told.limited(Some(30 * SECOND), cause()).expect("it fits");
        let stop = hurried.ready().await.expect_err("its deadline comes first");
        assert!(matches!(stop, Stop::Later { wait: Some(wait), cause: Cause::Paused } if wait >= 30 * SECOND));
        other.ready().await.expect("it fits");
        assert!(start.elapsed() >= 30 * SECOND);
        assert_eq!(pause.left(), None);
        let stop = told.limited(Some(40 * SECOND), cause()).expect_err("too long");
        assert!(matches!(stop, Stop::Later { wait: Some(wait), cause: Cause::Answered { .. } } if wait == 40 * SECOND));
        assert_eq!(pause.left(), Some(40 * SECOND));
        pause.at_least(SECOND);
        assert_eq!(pause.left(), Some(40 * SECOND), "a shorter wait does not end it");
        pause.at_least(86_400 * SECOND);
        assert_eq!(pause.left(), Some(LONGEST_PAUSE));
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_starts_after_the_deadline() {
        let pause = Pause::default();
        let mut tries = Tries::new(&pause, Backoff::new(SECOND, SECOND), Instant::now());
        assert!(matches!(tries.ready().await, Err(Stop::Later { wait: None, cause: Cause::Deadline })));
    }
}
