//! Services that answer queries in KQL: asked at their own pace, and again as they say. `loganalytics`, `hunting` and `resource_graph` are the three.
//!
//! `pace`, `rows`, `verdict` and `window` are pure; this file sends.

pub mod pace;
pub mod rows;
pub mod verdict;
pub mod window;

use std::fmt;
use std::io::Read as _;
use std::num::NonZero;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, HeaderValue};
use reqwest::{Client, RequestBuilder, redirect};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::azure::{Login, LoginError};
use crate::retry::Backoff;
use pace::Pace;
use rows::QueryError;
use verdict::{Head, Judge, Verdict};

/// How long a query is tried in all, pauses that the service asks for included.
const TRIES: Duration = Duration::from_secs(1800);

/// Times that a query is tried again after trouble that the service does not explain.
const TROUBLES: u32 = 6;

/// Largest reply that is taken, in bytes. The services' own limits are about 100 MiB.
const LONGEST_REPLY: u64 = 256 << 20;

/// A service that answers queries with replies `T`.
pub(crate) struct Service<T> {
    about: About<T>,
    client: Client,
    login: Login,
    pace: Mutex<Pace>,
    /// Replies that are unpacked at a time: one takes several times its size, and there is nothing to win beyond the processors.
    unpacking: Semaphore,
}

/// What tells services apart.
#[derive(Debug)]
pub(crate) struct About<T> {
    /// What messages call it, such as `the workspace`.
    pub(crate) name: &'static str,
    /// For the whole request.
    pub(crate) timeout: Duration,
    /// What an answer means.
    pub(crate) judge: Judge<T>,
    /// What people can do about a refusal, in parentheses; empty where nothing is known.
    pub(crate) advice: fn(&QueryError) -> &'static str,
}

/// The service cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// TLS cannot be set up.
    #[error("set up HTTPS: install the system's CA certificates (package ca-certificates)")]
    Tls(#[source] reqwest::Error),
    /// There is nobody to sign in as.
    #[error(transparent)]
    Login(#[from] LoginError),
}

/// A query has no rows to show.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The reply would be too large or take too long: a smaller window may do.
    #[error("ask for fewer rows: {0}")]
    TooMuch(String),
    /// The service does not answer this, and waiting does not help.
    #[error("ask {service}: {error}{advice}")]
    Refused {
        /// Who says so.
        service: &'static str,
        /// What it says.
        error: Box<QueryError>,
        /// What people can do about it.
        advice: &'static str,
    },
    /// There is no token.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// The service was asked again and again.
    #[error("ask {service}: {why} (tried again and again; what was asked for can be asked for later)")]
    Trouble {
        /// Who was asked.
        service: &'static str,
        /// What went wrong last.
        why: String,
    },
}

impl AskError {
    /// True when the next question would meet the same error: people must mend something first.
    #[must_use]
    pub fn is_configuration(&self) -> bool {
        matches!(self, Self::Refused { .. } | Self::Login(_))
    }
}

/// A client for services of Microsoft: no redirects, no tries that nobody counts.
///
/// # Errors
/// There are no CA certificates.
pub(crate) fn client(timeout: Duration) -> Result<Client, ConnectError> {
    Client::builder()
        .user_agent(concat!("sentinel-axiom/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(Duration::from_secs(10))
        .timeout(timeout)
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .http1_only()
        .build()
        .map_err(ConnectError::Tls)
}

/// The header that carries a token. None for a token with characters that no token has.
pub(crate) fn bearer(token: &crate::secret::Secret) -> Option<HeaderValue> {
    let mut bearer = HeaderValue::from_str(&format!("Bearer {}", token.expose())).ok()?;
    bearer.set_sensitive(true);
    Some(bearer)
}

impl<T: Send + 'static> Service<T> {
    /// Prepares to ask. Nothing is sent yet.
    pub(crate) fn new(about: About<T>, login: Login, pace: Pace) -> Result<Self, ConnectError> {
        let client = client(about.timeout)?;
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        Ok(Self { about, client, login, pace: Mutex::new(pace), unpacking: Semaphore::new(processors) })
    }

    /// Asks, and again as the service says. A query holds one of the `places` while it is under way.
    ///
    /// # Errors
    /// [`AskError`].
    pub(crate) async fn ask(
        &self,
        places: &Semaphore,
        request: impl Fn(&Client) -> RequestBuilder,
    ) -> Result<T, AskError> {
        let end = Instant::now() + TRIES;
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30));
        let mut troubles = 0;
        loop {
            let (asked, why) = match self.once(places, &request).await? {
                Verdict::Reply(reply) => return Ok(reply),
                Verdict::TooMuch(why) => return Err(AskError::TooMuch(why)),
                Verdict::Refused(error) => {
                    let advice = (self.about.advice)(&error);
                    return Err(AskError::Refused { service: self.about.name, error: Box::new(error), advice });
                }
                Verdict::Limited(wait, why) => (wait.unwrap_or(Duration::from_secs(1)), why),
                Verdict::Trouble(why) => {
                    troubles += 1;
                    (Duration::ZERO, why)
                }
            };
            let left = end.saturating_duration_since(Instant::now());
            let wait = backoff.next(fastrand::f64(), Some(asked), left).filter(|_| troubles < TROUBLES);
            let Some(wait) = wait else { return Err(AskError::Trouble { service: self.about.name, why }) };
            tracing::debug!(
                why,
                wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
                "a query is asked again"
            );
            if !asked.is_zero() {
                // The limit is that of the user: it holds for all of our queries.
                self.pace(|pace| pace.pause(Instant::now() + asked));
            }
            tokio::time::sleep(wait).await;
        }
    }

    async fn once(
        &self,
        places: &Semaphore,
        request: &impl Fn(&Client) -> RequestBuilder,
    ) -> Result<Verdict<T>, AskError> {
        let _place = places.acquire().await.expect("the semaphore is never closed");
        let start = self.pace(|pace| pace.next(Instant::now()));
        tokio::time::sleep_until(start).await;
        let token = self.login.token().await?;
        let Some(bearer) = bearer(&token) else {
            return Ok(Verdict::Trouble("the token holds characters that no token has".to_owned()));
        };
        let request = request(&self.client).header(AUTHORIZATION, bearer).header(ACCEPT_ENCODING, "gzip");
        Ok(match self.receive(request).await {
            Ok(verdict) => verdict,
            Err(error) if error.is_timeout() && !error.is_connect() => {
                Verdict::TooMuch(format!("no reply after {} s", self.about.timeout.as_secs()))
            }
            Err(error) => Verdict::Trouble(crate::report::chain(&error.without_url())),
        })
    }

    async fn receive(&self, request: RequestBuilder) -> Result<Verdict<T>, reqwest::Error> {
        let response = request.send().await?;
        let head = Head { status: response.status().as_u16(), headers: response.headers().clone() };
        let encoding = head.header(CONTENT_ENCODING.as_str());
        let gzip = encoding.is_some_and(|encoding| encoding.eq_ignore_ascii_case("gzip"));
        if let Some(spent) = head.spent() {
            self.pace(|pace| pace.pause(Instant::now() + spent));
        }
        let body = response.bytes().await?;
        let judge = self.about.judge;
        let _turn = self.unpacking.acquire().await.expect("the semaphore is never closed");
        // Megabytes of JSON: not in the way of everything else.
        let judged = tokio::task::spawn_blocking(move || {
            if !gzip {
                return judge(&head, &body);
            }
            let mut plain = Vec::with_capacity(unpacked_size(&body));
            match flate2::read::MultiGzDecoder::new(&*body).take(LONGEST_REPLY).read_to_end(&mut plain) {
                Ok(_) => judge(&head, &plain),
                Err(error) => Verdict::Trouble(format!("the reply cannot be unpacked: {error}")),
            }
        });
        Ok(judged.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic())))
    }

    fn pace<R>(&self, act: impl FnOnce(&mut Pace) -> R) -> R {
        act(&mut self.pace.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<T> fmt::Debug for Service<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("name", &self.about.name).finish_non_exhaustive()
    }
}

/// The size that the end of a gzip stream claims, in bytes (RFC 1952, ISIZE), as far as it is likely: memory that grows by doubling would take more.
fn unpacked_size(gzip: &[u8]) -> usize {
    /// More than JSON is ever compressed.
    const BEST: usize = 100;
    let claimed = gzip.last_chunk().map_or(0, |size| u32::from_le_bytes(*size));
    usize::try_from(claimed).unwrap_or_default().min(gzip.len().saturating_mul(BEST)) + 1
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn memory_for_a_reply_is_what_its_end_claims_if_that_is_likely() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&b"0123456789".repeat(50)).unwrap();
        let packed = encoder.finish().unwrap();
        assert_eq!(unpacked_size(&packed), 501);
        assert_eq!(unpacked_size(&[255; 8]), 801);
        assert_eq!(unpacked_size(&[]), 1);
    }
}
