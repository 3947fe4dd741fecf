//! Advanced hunting of Defender XDR: where the tables are read that no workspace has. `answer` and `reply` are pure; this file and `query` send.
//!
//! Facts: Microsoft Graph, "security: runHuntingQuery"; Defender XDR, "Advanced hunting API".

mod answer;
pub mod reply;

use std::sync::Arc;
use std::time::Duration;

use reqwest::Client;
use tokio::sync::Semaphore;
use url::Url;

use crate::azure::Login;
use crate::query::pace::Pace;
use crate::query::rows::{QueryError, Rows};
use crate::query::{About, AskError, ConnectError, Service};
use crate::settings::{HuntingApi, HuntingSettings, Identity};

/// For the whole request: the service stops a query after 3 minutes.
const TIMEOUT: Duration = Duration::from_secs(240);

/// Queries under way at a time. The service knows no such limit; memory for their replies does.
const AT_ONCE: usize = 8;

/// Days that can be asked for.
pub const DAYS: i64 = 30;

/// Advanced hunting, as everything in the program sees it. Clones share its limits.
#[derive(Debug, Clone)]
pub struct Hunting(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    service: Service<Rows>,
    url: Url,
    places: Semaphore,
}

impl Hunting {
    /// Makes a client. Nothing is sent yet.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub fn connect(settings: &HuntingSettings, identity: Identity) -> Result<Self, ConnectError> {
        let (path, advice): (&[&str], fn(&QueryError) -> &'static str) = match settings.api {
            HuntingApi::Graph => (&["v1.0", "security", "runHuntingQuery"], graph_advice),
            HuntingApi::Xdr => (&["api", "advancedhunting", "run"], xdr_advice),
        };
        let about = About { name: "advanced hunting", timeout: TIMEOUT, judge: answer::judge, advice };
        let login = Login::new(identity, settings.client_id.clone(), &scope(&settings.url, settings.api))?;
        let service = Service::new(about, login, Pace::even(settings.calls_per_minute, Duration::from_secs(60)))?;
        let mut url = settings.url.clone();
        url.path_segments_mut().expect("addresses are http or https, which have paths").pop_if_empty().extend(path);
        Ok(Self(Arc::new(Inner { service, url, places: Semaphore::new(AT_ONCE) })))
    }

    /// Asks, and again as the service says.
    ///
    /// # Errors
    /// [`AskError`].
    pub async fn ask(&self, kql: &str) -> Result<Rows, AskError> {
        let body = serde_json::json!({ "Query": kql });
        let request = |client: &Client| client.post(self.0.url.clone()).json(&body);
        self.0.service.ask(&self.0.places, request).await
    }
}

/// What a token must be for. The national clouds' addresses are their names; others, such as regional ones, are the public cloud.
pub(crate) fn scope(url: &Url, api: HuntingApi) -> String {
    let host = url.host_str().unwrap_or_default();
    let named = ["graph.microsoft.us", "dod-graph.microsoft.us", "microsoftgraph.chinacloudapi.cn"].contains(&host)
        || host.ends_with(".security.microsoft.us");
    match (named, api) {
        (true, _) => format!("https://{host}/.default"),
        (false, HuntingApi::Graph) => "https://graph.microsoft.com/.default".to_owned(),
        (false, HuntingApi::Xdr) => "https://api.security.microsoft.com/.default".to_owned(),
    }
}

fn graph_advice(error: &QueryError) -> &'static str {
    if is_forbidden(error) {
        " (give the identity the application permission ThreatHunting.Read.All of Microsoft Graph, with admin consent)"
    } else {
        advice(error)
    }
}

fn xdr_advice(error: &QueryError) -> &'static str {
    if is_forbidden(error) {
        " (give the identity the application permission AdvancedHunting.Read.All of Microsoft Threat Protection, with admin consent)"
    } else {
        advice(error)
    }
}

fn is_forbidden(error: &QueryError) -> bool {
    ["Forbidden", "Unauthorized", "Authorization_RequestDenied", "InvalidAuthenticationToken", "HTTP 401", "HTTP 403"]
        .iter()
        .any(|code| error.code.eq_ignore_ascii_case(code))
}

fn advice(error: &QueryError) -> &'static str {
    if error.cause().message.contains("Failed to resolve table") {
        " (compare the name with the tables of advanced hunting: upper and lower case count, and each needs its licence)"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_door_has_a_scope() {
        for (url, api, wanted) in [
            ("https://graph.microsoft.com", HuntingApi::Graph, "https://graph.microsoft.com/.default"),
            ("https://graph.microsoft.us", HuntingApi::Graph, "https://graph.microsoft.us/.default"),
            ("http://127.0.0.1:1", HuntingApi::Graph, "https://graph.microsoft.com/.default"),
            ("https://eu.api.security.microsoft.com", HuntingApi::Xdr, "https://api.security.microsoft.com/.default"),
            (
                "https://api-gov.security.microsoft.us",
                HuntingApi::Xdr,
                "https://api-gov.security.microsoft.us/.default",
            ),
        ] {
            assert_eq!(scope(&url.parse().unwrap(), api), wanted);
        }
    }
}
