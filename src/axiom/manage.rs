//! Axiom's management API: what there is, and making and changing it. Source: Axiom's API reference, v2.

use reqwest::{Method, StatusCode};
use serde_json::Value;
use time::OffsetDateTime;

use super::Axiom;
use super::advice;
use super::again::{Failure, GaveUp, again};
use super::answer::{Setback, setback};

/// One request.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// What it is for, as an error begins: `create dataset SigninLogs`.
    pub doing: String,
    /// The capability that the token needs, as Axiom's page of tokens names it: `Datasets: create`.
    pub needs: &'static str,
    /// `GET`, `POST` or `PUT`.
    pub method: Method,
    /// Where, below the API's address.
    pub path: Vec<String>,
    /// What is sent.
    pub body: Option<Value>,
}

/// A request was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum ManageError {
    /// Waiting does not help.
    #[error("{doing}: Axiom answers {status}: {reason}{}", advice::management_refused(*status, needs))]
    Refused {
        /// What was being done.
        doing: String,
        /// The capability for it.
        needs: &'static str,
        /// HTTP status.
        status: u16,
        /// Axiom's words.
        reason: String,
    },
    /// Tried again and again.
    #[error("{doing}: {reason} (try again later; what was made stays, and is found the next time)")]
    Trouble {
        /// What was being done.
        doing: String,
        /// What was wrong last.
        reason: String,
    },
}

impl Request {
    /// A request that changes nothing.
    #[must_use]
    pub fn read(doing: &str, needs: &'static str, path: &[&str]) -> Self {
        let path = path.iter().map(|part| (*part).to_owned()).collect();
        Self { doing: doing.to_owned(), needs, method: Method::GET, path, body: None }
    }
}

impl Axiom {
    /// Sends a request; gives the answer to a `GET`, and nothing where that finds nothing. What changes something and may have been done already is not
    /// sent again: the same monitor twice would alert twice.
    ///
    /// # Errors
    /// [`ManageError`].
    pub async fn manage(&self, request: &Request) -> Result<Option<Value>, ManageError> {
        let doing = || request.doing.clone();
        again(async || self.once(request).await).await.map_err(|gave_up| match gave_up {
            GaveUp::Refused { status, reason } => {
                ManageError::Refused { doing: doing(), needs: request.needs, status, reason }
            }
            GaveUp::Trouble { reason } => ManageError::Trouble { doing: doing(), reason },
        })
    }

    async fn once(&self, request: &Request) -> Result<Option<Value>, Failure> {
        let path: Vec<_> = request.path.iter().map(String::as_str).collect();
        let reads = request.method == Method::GET;
        let failure = match self.0.http.manage(request.method.clone(), &path, request.body.as_ref()).await {
            Ok((status, ..)) if status.is_success() && !reads => return Ok(None),
            Ok((StatusCode::NOT_FOUND, ..)) if reads => return Ok(None),
            Ok((status, _, body)) if status.is_success() => match serde_json::from_slice(&body) {
                Ok(answer) => return Ok(Some(answer)),
                Err(error) => Failure::for_now(format!("the answer cannot be read: {error}")),
            },
            Ok((status, headers, body)) => match setback(status, &headers, &body, OffsetDateTime::now_utc()) {
                limit @ Setback::Limit { .. } => return Err(limit.into()),
                setback => setback.into(),
            },
            Err(error) => error.into(),
        };
        Err(if reads { failure } else { failure.not_again() })
    }
}
