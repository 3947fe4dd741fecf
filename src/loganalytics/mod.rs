//! Log Analytics' query API: where history is read, which data export does not carry.
//!
//! `kql`, `answer` and `reply` are pure; this file and `query` send. Facts: "Azure Monitor Log Analytics API" and its limits.

mod answer;
pub mod explore;
pub mod kql;
pub mod reply;

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use url::Url;

use crate::azure::Login;
use crate::query::pace::Pace;
use crate::query::rows::{QueryError, Rows};
use crate::query::window::Window;
use crate::query::{About, AskError, ConnectError, Service};
use crate::settings::{Identity, LogAnalyticsSettings};

/// Seconds that the service may take for a query; more it does not allow.
const WAIT: u32 = 600;

/// For the whole request: the query itself, its turn in the service's own queue (3 minutes), and the reply.
const TIMEOUT: Duration = Duration::from_secs(900);

/// "200 requests per 30 seconds" for each user (limits of the query API).
const CALLS: (usize, Duration) = (200, Duration::from_secs(30));

const ABOUT: About<Rows> = About { name: "the workspace", timeout: TIMEOUT, judge: answer::judge, advice };

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
    service: Service<Rows>,
    workspace: Url,
    /// Places for queries, by plan.
    places: [Semaphore; 2],
}

impl LogAnalytics {
    /// Makes a client. Nothing is sent yet.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub fn connect(settings: &LogAnalyticsSettings, identity: Identity) -> Result<Self, ConnectError> {
        let login = Login::new(identity, settings.client_id.clone(), &scope(&settings.url))?;
        let mut workspace = settings.url.clone();
        workspace.path_segments_mut().expect("addresses are http or https, which have paths").pop_if_empty().extend([
            "v1",
            "workspaces",
            &settings.workspace,
            "",
        ]);
        let places = [Plan::Analytics, Plan::Basic].map(|plan| Semaphore::new(plan.at_once()));
        let service = Service::new(ABOUT, login, Pace::burst(CALLS.0, CALLS.1))?;
        Ok(Self(Arc::new(Inner { service, workspace, places })))
    }

    /// Asks for rows of a window, and tries again as the service says.
    ///
    /// # Errors
    /// [`AskError`].
    pub async fn ask(&self, kql: &str, window: Window, plan: Plan) -> Result<Rows, AskError> {
        let door = match plan {
            Plan::Analytics => "query",
            Plan::Basic => "search",
        };
        let url = self.0.workspace.join(door).expect("a word is a relative address");
        let body = serde_json::json!({ "query": kql, "timespan": kql::timespan(window) });
        let request =
            |client: &reqwest::Client| client.post(url.clone()).header("prefer", format!("wait={WAIT}")).json(&body);
        self.0.service.ask(&self.0.places[usize::from(plan == Plan::Basic)], request).await
    }
}

/// What a token must be for. The public cloud has two addresses and one name.
pub(crate) fn scope(url: &Url) -> String {
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
