//! What an answer means, whoever gives it; and the error that it names. Pure.

use std::time::Duration;

use super::rows::{QueryError, Rows};

/// Judges an answer: its status, what `Retry-After` says, and its body.
pub(crate) type Judge = fn(u16, Option<Duration>, &[u8]) -> Verdict;

/// What to do about an answer.
#[derive(Debug)]
pub(crate) enum Verdict {
    Rows(Rows),
    /// The reply would be too large, or would take too long.
    TooMuch(String),
    /// Later, and when.
    Limited(Option<Duration>, String),
    /// Once more.
    Trouble(String),
    Refused(QueryError),
}

/// The error in the body, or what little there is to say.
pub(crate) fn said(status: u16, body: &[u8]) -> QueryError {
    #[derive(serde::Deserialize)]
    struct Body {
        error: QueryError,
    }
    match serde_json::from_slice::<Body>(body) {
        Ok(Body { error }) => error,
        Err(_) => {
            let text: String = String::from_utf8_lossy(body).chars().filter(|c| !c.is_control()).take(200).collect();
            QueryError::new(&format!("HTTP {status}"), &text)
        }
    }
}

#[cfg(test)]
impl Verdict {
    /// Its kind and what it says, for tables of tests.
    pub(crate) fn told(&self) -> (&'static str, String) {
        match self {
            Self::Rows(rows) => ("rows", rows.count.to_string()),
            Self::TooMuch(text) => ("too much", text.clone()),
            Self::Limited(wait, text) => ("limited", format!("{} {text}", wait.unwrap_or_default().as_secs())),
            Self::Trouble(text) => ("trouble", text.clone()),
            Self::Refused(error) => ("refused", error.to_string()),
        }
    }
}
