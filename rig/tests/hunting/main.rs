//! The stand-in for advanced hunting, held to its contract: each shape, limit, switch and fault does what it says.

mod access;
mod faults;
mod limits;
mod query;
mod samples;
#[path = "../support/mod.rs"]
mod support;

use rig::hunting::{Hunting, Kind, Options, Table};
use serde_json::{Value, json};

use support::{Answer, client, send, token};

const GRAPH: &str = "/v1.0/security/runHuntingQuery";
const SECURITY: &str = "/api/advancedhunting/run";

/// The time that the stand-in goes by.
const NOW: &str = "2026-02-01T00:00:00Z";

/// Two tables: one of events, with a row in each tick from 2026-01-31, and one of current state.
async fn start(options: Options) -> Hunting {
    let service = Hunting::start(Options { now: Some(NOW.to_owned()), ..options }).await.expect("start the stand-in");
    let rows: Vec<_> =
        (0..10).map(|n| json!({"Timestamp": format!("2026-01-31T00:00:00.000000{n}Z"), "N": n})).collect();
    let table = Table::new("DeviceEvents", &[("Timestamp", Kind::DateTime), ("N", Kind::Long)]);
    service.add(table.rows(&rows).expect("rows of the table"));
    service
        .add(Table::new("DeviceTvmSoftwareInventory", &[("DeviceId", Kind::String), ("SoftwareName", Kind::String)]));
    service
}

impl Answer {
    /// Seconds of `Retry-After`.
    fn retry_after(&self) -> Option<u64> {
        self.headers.get("Retry-After")?.to_str().ok()?.parse().ok()
    }

    fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }

    fn message(&self) -> String {
        self.json()["error"]["message"].as_str().unwrap_or_default().to_owned()
    }

    /// The rows, whatever the case of their key is.
    fn rows(&self) -> Value {
        let body = self.json();
        let rows = body.get("results").or_else(|| body.get("Results"));
        rows.unwrap_or_else(|| panic!("no rows: {body}")).clone()
    }

    /// The numbers N.
    fn numbers(&self) -> Vec<i64> {
        let rows = self.rows();
        rows.as_array().expect("rows").iter().map(|row| row["N"].as_i64().expect("a number")).collect()
    }
}

/// A request with a good token to one of the doors.
async fn post(service: &Hunting, path: &str, body: Value) -> reqwest::RequestBuilder {
    let audience = if path == GRAPH { "https://graph.microsoft.com" } else { "https://api.security.microsoft.com" };
    let token = token(service.identity(), audience).await;
    client().post(format!("{}{path}", service.url())).bearer_auth(token).json(&body)
}

/// Asks Microsoft Graph, and answers whatever comes.
async fn ask(service: &Hunting, query: &str) -> Answer {
    send(post(service, GRAPH, json!({"Query": query})).await).await.expect("an answer")
}

/// Asks the older call.
async fn ask_security(service: &Hunting, query: &str) -> Answer {
    send(post(service, SECURITY, json!({"Query": query})).await).await.expect("an answer")
}
