//! One look at Axiom, without a second try: for those who wait, and want to know how things stand now.

use reqwest::Method;
use serde_json::Value;
use time::OffsetDateTime;

use super::Axiom;
use super::answer::{Setback, judge_query};

/// There is nothing to see.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// Axiom does not show it.
    #[error("Axiom answers {status}: {reason}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Axiom's words.
        reason: String,
    },
    /// Nobody answers.
    #[error("Axiom does not answer")]
    NoAnswer(#[source] reqwest::Error),
    /// What answers is not Axiom.
    #[error("what answers is not Axiom")]
    Unreadable(#[source] serde_json::Error),
}

impl Axiom {
    /// Asks the management API for what lies at this path, once.
    ///
    /// # Errors
    /// [`LookError`].
    pub async fn look(&self, path: &[&str]) -> Result<Value, LookError> {
        let answer = self.0.http.manage(Method::GET, path, None).await;
        let (status, headers, body) = answer.map_err(|error| LookError::NoAnswer(error.without_url()))?;
        match judge_query(status, &headers, &body, OffsetDateTime::now_utc()) {
            Ok(()) => serde_json::from_slice(&body).map_err(LookError::Unreadable),
            Err(
                Setback::Configuration { reason, .. }
                | Setback::Limit { reason, .. }
                | Setback::Trouble { reason, .. }
                | Setback::Unreadable { reason },
            ) => Err(LookError::Refused { status: status.as_u16(), reason }),
        }
    }

    /// Asks, at the door that rows go in by, a question that names no dataset. Gives the status: what is no door of Axiom answers 404.
    ///
    /// # Errors
    /// [`LookError::NoAnswer`].
    pub async fn knock(&self) -> Result<u16, LookError> {
        let answer = self.0.http.query("print 1", "now-1m", "now").await;
        answer.map(|(status, ..)| status.as_u16()).map_err(|error| LookError::NoAnswer(error.without_url()))
    }
}
