//! Azure Resource Graph: what there is in Azure now, and what Defender for Cloud says about it. `answer` and `reply` are pure; this file and `query` send.
//!
//! Facts: REST reference of Azure Resource Graph, "Resources"; "Guidance for pagination"; "Guidance for throttled requests in Azure Resource Graph".

mod answer;
pub mod reply;

use std::time::Duration;

use reqwest::Client;
use serde::Serialize;
use tokio::sync::Semaphore;
use url::Url;

use crate::azure::Login;
use crate::query::pace::Pace;
use crate::query::rows::QueryError;
use crate::query::{About, AskError, ConnectError, Service};
use crate::settings::{Identity, ResourceGraphSettings};
use reply::Page;

/// For the whole request: Azure Resource Manager gives up long before.
const TIMEOUT: Duration = Duration::from_secs(180);

/// "15 queries within every 5-second window" for each user; the headers of the answers say when it is less.
const CALLS: (usize, Duration) = (15, Duration::from_secs(5));

/// The one of Microsoft's own quickstart. 2021-03-01, by which the official clients ask, and 2024-04-01, the newest, mean the same in all that is used here.
const API_VERSION: &str = "2022-10-01";

/// Most records of one reply ("$top", REST reference).
pub const MOST_ROWS: u32 = 1000;

const ABOUT: About<Page> = About { name: "Azure Resource Graph", timeout: TIMEOUT, judge: answer::judge, advice };

/// Which subscriptions are looked into. Without any: all that the identity may read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Scope {
    /// Their ids.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subscriptions: Vec<String>,
    /// Names of management groups, for all that are below them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub management_groups: Vec<String>,
}

/// The body of a request.
#[derive(Debug, Serialize)]
struct Asked<'a> {
    query: &'a str,
    #[serde(flatten)]
    scope: &'a Scope,
    options: Options,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Options {
    #[serde(rename = "$top")]
    top: u32,
    result_format: &'static str,
    /// Where there are too many subscriptions, an answer about some of them is not wanted.
    allow_partial_scopes: bool,
}

/// Azure Resource Graph, as the program sees it.
#[derive(Debug)]
pub struct ResourceGraph {
    service: Service<Page>,
    url: Url,
    /// One at a time.
    place: Semaphore,
}

impl ResourceGraph {
    /// Makes a client. Nothing is sent yet.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub fn connect(settings: &ResourceGraphSettings, identity: Identity) -> Result<Self, ConnectError> {
        let login = Login::new(identity, settings.client_id.clone(), &scope(&settings.url))?;
        let service = Service::new(ABOUT, login, Pace::burst(CALLS.0, CALLS.1))?;
        let mut url = settings.url.clone();
        url.path_segments_mut().expect("addresses are http or https, which have paths").pop_if_empty().extend([
            "providers",
            "Microsoft.ResourceGraph",
            "resources",
        ]);
        url.set_query(Some(&format!("api-version={API_VERSION}")));
        Ok(Self { service, url, place: Semaphore::new(1) })
    }

    /// Asks for the first records of a result, at most `top` of them, and again as the service says.
    ///
    /// # Errors
    /// [`AskError`].
    pub async fn ask(&self, query: &str, scope: &Scope, top: u32) -> Result<Page, AskError> {
        let options = Options { top, result_format: "objectArray", allow_partial_scopes: false };
        let body = Asked { query, scope, options };
        self.service.ask(&self.place, |client: &Client| client.post(self.url.clone()).json(&body)).await
    }
}

/// What a token must be for. The national clouds' addresses are their names; others, such as that of a proxy, are the public cloud.
fn scope(url: &Url) -> String {
    let national = ["management.usgovcloudapi.net", "management.chinacloudapi.cn"];
    let host = url.host_str().filter(|host| national.contains(host)).unwrap_or("management.azure.com");
    format!("https://{host}/.default")
}

fn advice(error: &QueryError) -> &'static str {
    match error.code.as_str() {
        answer::TOO_MANY_SUBSCRIPTIONS => {
            " (take several snapshots, each of some management groups or subscriptions: --management-group, --subscription)"
        }
        "Forbidden"
        | "AuthorizationFailed"
        | "AuthenticationFailed"
        | "InvalidAuthenticationToken"
        | "HTTP 401"
        | "HTTP 403" => {
            " (give the identity the role Security Reader on the subscriptions or on a management group above them, and compare RESOURCE_GRAPH_URL with the cloud)"
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
            ("https://management.azure.com", "https://management.azure.com/.default"),
            ("https://management.usgovcloudapi.net/", "https://management.usgovcloudapi.net/.default"),
            ("https://management.chinacloudapi.cn", "https://management.chinacloudapi.cn/.default"),
            ("http://127.0.0.1:1", "https://management.azure.com/.default"),
        ] {
            assert_eq!(scope(&url.parse().unwrap()), wanted);
        }
    }

    #[test]
    fn a_scope_without_names_is_not_mentioned() {
        let options = || Options { top: 5, result_format: "objectArray", allow_partial_scopes: false };
        let body = |scope: &Scope| serde_json::to_value(Asked { query: "q", scope, options: options() }).unwrap();
        let all = serde_json::json!({
            "query": "q", "options": {"$top": 5, "resultFormat": "objectArray", "allowPartialScopes": false},
        });
        assert_eq!(body(&Scope::default()), all);
        let one = Scope { subscriptions: vec!["s".to_owned()], ..Scope::default() };
        assert_eq!(body(&one)["subscriptions"], serde_json::json!(["s"]));
    }
}
