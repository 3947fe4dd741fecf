//! The stand-in for Azure Resource Graph, held to its contract: the official client runs against it unchanged, and each limit, switch and fault does what it says.

mod limits;
mod python;
#[path = "../support/mod.rs"]
mod support;

use rig::resource_graph::{Options, ResourceGraph};
use serde_json::{Value, json};

use support::{Answer, client, send, token};

const ONE: &str = "00000000-0000-0000-0000-000000000001";
const TWO: &str = "00000000-0000-0000-0000-000000000002";

/// An alert, as the service would write it; the even ones are in the first subscription.
fn alert(number: usize) -> String {
    let subscription = if number.is_multiple_of(2) { ONE } else { TWO };
    format!(
        r#"{{"id":"/subscriptions/{subscription}/alerts/{number:03}","name":"{number}","type":"microsoft.security/locations/alerts","tenantId":"t","kind":"","location":"centralus","resourceGroup":"","subscriptionId":"{subscription}","managedBy":"","sku":null,"plan":null,"properties":{{"Severity":"High","n":{number},"f":1.50}},"tags":null,"identity":null}}"#
    )
}

/// A stand-in with ten alerts.
async fn start(options: Options) -> ResourceGraph {
    let groups = vec![("mg".to_owned(), vec![TWO.to_owned()])];
    let service =
        ResourceGraph::start(Options { management_groups: groups, ..options }).await.expect("start the stand-in");
    service.add((0..10).map(alert)).expect("records");
    service
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The code of the last detail of an error.
    fn detail(&self) -> String {
        let details = self.json()["error"]["details"].as_array().cloned().unwrap_or_default();
        details.last().and_then(|detail| detail["code"].as_str()).unwrap_or_default().to_owned()
    }

    /// Records that came, those that there are, whether some are left out, and whether there is a token.
    fn told(&self) -> (usize, u64, String, bool) {
        let body = self.json();
        let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
        let came = body["data"].as_array().unwrap_or_else(|| panic!("no records: {body}")).len();
        (
            came,
            body["totalRecords"].as_u64().unwrap_or_default(),
            text("resultTruncated"),
            !text("$skipToken").is_empty(),
        )
    }
}

/// A request without a token.
fn post(service: &ResourceGraph, version: &str, body: &Value) -> reqwest::RequestBuilder {
    let url = format!("{}/providers/Microsoft.ResourceGraph/resources", service.url());
    client().post(url).query(&[("api-version", version)]).json(body)
}

/// Asks, and answers whatever comes; an error means that the connection broke.
async fn try_ask(service: &ResourceGraph, options: Value) -> reqwest::Result<Answer> {
    let body = json!({"query": "securityresources | order by id asc", "options": options});
    let token = token(service.identity(), "https://management.azure.com").await;
    send(post(service, "2022-10-01", &body).bearer_auth(token)).await
}

async fn ask(service: &ResourceGraph, options: Value) -> Answer {
    try_ask(service, options).await.expect("an answer")
}
