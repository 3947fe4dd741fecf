//! Requests that may be repeated, and are, while trouble passes.

use std::time::Duration;

use tokio::time::Instant;

use super::answer::Setback;
use crate::retry::Backoff;

/// How long a request is repeated.
const TRIES: Duration = Duration::from_secs(300);

/// Why one attempt failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// Waiting does not help.
    Refused { status: u16, reason: String },
    /// The next attempt may do better, after the wait that was asked for.
    ForNow { wait: Option<Duration>, reason: String },
    /// It may have been done all the same.
    Unknown { reason: String },
}

/// Why there is no next attempt.
#[derive(Debug)]
pub(super) enum GaveUp {
    /// Waiting does not help.
    Refused { status: u16, reason: String },
    /// It was tried again and again, or cannot be tried again.
    Trouble { reason: String },
}

impl Failure {
    /// A failure that may pass, and nobody said when.
    pub(super) fn for_now(reason: String) -> Self {
        Self::ForNow { wait: None, reason }
    }

    /// The same about a request that must not be done twice.
    pub(super) fn not_again(self) -> Self {
        match self {
            Self::ForNow { reason, .. } => Self::Unknown { reason },
            other => other,
        }
    }
}

impl From<Setback> for Failure {
    fn from(setback: Setback) -> Self {
        match setback {
            Setback::Configuration { status, reason } => Self::Refused { status, reason },
            Setback::Limit { reason, wait, .. } | Setback::Trouble { reason, wait, .. } => {
                Self::ForNow { wait, reason }
            }
            Setback::Unreadable { reason } => Self::for_now(reason),
        }
    }
}

impl From<reqwest::Error> for Failure {
    fn from(error: reqwest::Error) -> Self {
        Self::for_now(crate::report::chain(&error.without_url()))
    }
}

/// Attempts until there is an outcome, for some minutes.
pub(super) async fn again<T>(mut attempt: impl AsyncFnMut() -> Result<T, Failure>) -> Result<T, GaveUp> {
    let deadline = Instant::now() + TRIES;
    let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(30));
    loop {
        let (wait, reason) = match attempt().await {
            Ok(outcome) => return Ok(outcome),
            Err(Failure::Refused { status, reason }) => return Err(GaveUp::Refused { status, reason }),
            Err(Failure::Unknown { reason }) => return Err(GaveUp::Trouble { reason }),
            Err(Failure::ForNow { wait, reason }) => (wait, reason),
        };
        let left = deadline.saturating_duration_since(Instant::now());
        let Some(wait) = backoff.next(fastrand::f64(), wait, left) else { return Err(GaveUp::Trouble { reason }) };
        tokio::time::sleep(wait).await;
    }
}
