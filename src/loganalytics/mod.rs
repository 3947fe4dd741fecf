//! Log Analytics' query API: where history is read, which data export does not carry.
//!
//! `window`, `kql`, `answer`, `reply` and `pace` are pure; this file sends. Facts: "Azure Monitor Log Analytics API" and its limits.

mod answer;
pub mod kql;
mod pace;
pub mod reply;
pub mod window;

use std::io::Read as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, HeaderValue, RETRY_AFTER};
use reqwest::{Client, redirect};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use url::Url;

use crate::azure::{Login, LoginError};
use crate::retry::Backoff;
use crate::settings::{Identity, LogAnalyticsSettings};
use answer::{Verdict, judge};
use pace::Pace;
use reply::{QueryError, Rows};
use window::Window;

/// Seconds that the service may take for a query; more it does not allow.
const WAIT: u32 = 600;

/// For the whole request: the query itself, its turn in the service's own queue (3 minutes), and the reply.
const TIMEOUT: Duration = Duration::from_secs(900);

/// How long a query is tried in all, pauses that the service asks for included.
const TRIES: Duration = Duration::from_secs(1800);

/// Times that a query is tried again after trouble that the service does not explain.
const TROUBLES: u32 = 6;

/// Largest reply that is taken, in bytes. The service's own limit is about 100 MiB.
const LONGEST_REPLY: u64 = 256 << 20;

/// The table's plan, which decides how it may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Plan {
    /// Queries cost nothing.
    #[default]
    Analytics,
    /// Basic or Auxiliary: another endpoint, fewer at once, and each query costs by the gigabyte that it looks at.
    Basic,
}

impl Plan {
    /// Queries that one user may have running ("Azure Monitor service limits", concurrent queries).
    #[must_use]
    pub fn at_once(self) -> usize {
        match self {
            Self::Analytics => 5,
            Self::Basic => 2,
        }
    }
}

/// A workspace, as everything in the program sees it. Clones share its limits.
#[derive(Clone)]
pub struct LogAnalytics(Arc<Inner>);

struct Inner {
    client: Client,
    login: Login,
    workspace: Url,
    pace: Mutex<Pace>,
    /// Places for queries, by plan.
    places: [Semaphore; 2],
}

/// The workspace cannot be asked.
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
    /// The workspace does not answer this, and waiting does not help.
    #[error("ask the workspace: {0}{advice}", advice = advice(.0))]
    Refused(Box<QueryError>),
    /// There is no token.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// The workspace was asked again and again.
    #[error("ask the workspace: {0} (tried again and again; what was asked for can be asked for later)")]
    Trouble(String),
}

impl LogAnalytics {
    /// Makes a client. Nothing is sent yet.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub fn connect(settings: &LogAnalyticsSettings, identity: Identity) -> Result<Self, ConnectError> {
        let client = Client::builder()
            .user_agent(concat!("sentinel-axiom/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(10))
            .timeout(TIMEOUT)
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .http1_only()
            .build()
            .map_err(ConnectError::Tls)?;
        let login = Login::new(identity, settings.client_id.clone(), &scope(&settings.url))?;
        let mut workspace = settings.url.clone();
        workspace.path_segments_mut().expect("addresses are http or https, which have paths").pop_if_empty().extend([
            "v1",
            "workspaces",
            &settings.workspace,
            "",
        ]);
        let places = [Plan::Analytics, Plan::Basic].map(|plan| Semaphore::new(plan.at_once()));
        Ok(Self(Arc::new(Inner { client, login, workspace, pace: Mutex::default(), places })))
    }

    /// Asks for rows of a window, and tries again as the service says.
    ///
    /// # Errors
    /// [`AskError`].
    pub async fn ask(&self, kql: &str, window: Window, plan: Plan) -> Result<Rows, AskError> {
        let end = Instant::now() + TRIES;
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30));
        let mut troubles = 0;
        loop {
            let (asked, why) = match self.once(kql, window, plan).await? {
                Verdict::Rows(rows) => return Ok(rows),
                Verdict::TooMuch(why) => return Err(AskError::TooMuch(why)),
                Verdict::Refused(error) => return Err(AskError::Refused(Box::new(error))),
                Verdict::Limited(wait, why) => (wait.unwrap_or(Duration::from_secs(1)), why),
                Verdict::Trouble(why) => {
                    troubles += 1;
                    (Duration::ZERO, why)
                }
            };
            let left = end.saturating_duration_since(Instant::now());
            let wait = backoff.next(fastrand::f64(), Some(asked), left).filter(|_| troubles < TROUBLES);
            let Some(wait) = wait else { return Err(AskError::Trouble(why)) };
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

    async fn once(&self, kql: &str, window: Window, plan: Plan) -> Result<Verdict, AskError> {
        let place = &self.0.places[usize::from(plan == Plan::Basic)];
        let _place = place.acquire().await.expect("the semaphore is never closed");
        let start = self.pace(|pace| pace.next(Instant::now()));
        tokio::time::sleep_until(start).await;
        let token = self.0.login.token().await?;
        let door = match plan {
            Plan::Analytics => "query",
            Plan::Basic => "search",
        };
        let url = self.0.workspace.join(door).expect("a word is a relative address");
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", token.expose()))
            .map_err(|_| AskError::Trouble("the token holds characters that no token has".to_owned()))?;
        bearer.set_sensitive(true);
        let request = self
            .0
            .client
            .post(url)
            .header(AUTHORIZATION, bearer)
            .header(ACCEPT_ENCODING, "gzip")
            .header("prefer", format!("wait={WAIT}"))
            .json(&serde_json::json!({ "query": kql, "timespan": kql::timespan(window) }));
        Ok(match receive(request).await {
            Ok(verdict) => verdict,
            Err(error) if error.is_timeout() && !error.is_connect() => {
                Verdict::TooMuch(format!("no reply after {} s", TIMEOUT.as_secs()))
            }
            Err(error) => Verdict::Trouble(crate::report::chain(&error.without_url())),
        })
    }

    fn pace<T>(&self, act: impl FnOnce(&mut Pace) -> T) -> T {
        act(&mut self.0.pace.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn receive(request: reqwest::RequestBuilder) -> Result<Verdict, reqwest::Error> {
    let response = request.send().await?;
    let status = response.status().as_u16();
    let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
    let gzip = header(CONTENT_ENCODING).is_some_and(|encoding| encoding.eq_ignore_ascii_case("gzip"));
    let retry_after = header(RETRY_AFTER).and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
    let body = response.bytes().await?;
    // Megabytes of JSON: not in the way of everything else.
    let judged = tokio::task::spawn_blocking(move || {
        if !gzip {
            return judge(status, retry_after, &body);
        }
        let mut plain = Vec::new();
        match flate2::read::MultiGzDecoder::new(&*body).take(LONGEST_REPLY).read_to_end(&mut plain) {
            Ok(_) => judge(status, retry_after, &plain),
            Err(error) => Verdict::Trouble(format!("the reply cannot be unpacked: {error}")),
        }
    });
    Ok(judged.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic())))
}

/// What a token must be for. The public cloud has two addresses and one name.
fn scope(url: &Url) -> String {
    let national = url.host_str().filter(|host| ["api.loganalytics.us", "api.loganalytics.azure.cn"].contains(host));
    format!("https://{}/.default", national.unwrap_or("api.loganalytics.io"))
}

fn advice(error: &QueryError) -> &'static str {
    match error.code.as_str() {
        "AuthorizationRequiredError" | "InsufficientAccessError" | "HTTP 401" | "HTTP 403" => {
            " (give the identity the role Log Analytics Reader on the workspace)"
        }
        "WorkspaceNotFoundError" | "PathNotFoundError" | "HTTP 404" => {
            " (compare LOG_ANALYTICS_WORKSPACE with the workspace's id, a GUID, and LOG_ANALYTICS_URL with its cloud)"
        }
        _ if error.cause().message.contains("Failed to resolve table") => {
            " (compare the name with the workspace's tables: upper and lower case count)"
        }
        _ if error.cause().message.contains("named 'TimeGenerated'") => {
            " (let the query give the column TimeGenerated)"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cloud_has_a_scope_of_its_own() {
        for (url, wanted) in [
            ("https://api.loganalytics.azure.com", "https://api.loganalytics.io/.default"),
            ("https://api.loganalytics.io/", "https://api.loganalytics.io/.default"),
            ("https://api.loganalytics.us", "https://api.loganalytics.us/.default"),
            ("https://api.loganalytics.azure.cn", "https://api.loganalytics.azure.cn/.default"),
            ("http://127.0.0.1:1", "https://api.loganalytics.io/.default"),
        ] {
            assert_eq!(scope(&url.parse().unwrap()), wanted);
        }
    }
}
