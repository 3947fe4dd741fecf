//! The stand-in for Log Analytics, held to its contract: the official client runs against it unchanged, and each limit, switch and fault does what it says.

mod access;
mod faults;
mod limits;
mod python;
mod query;
mod samples;
#[path = "../support/mod.rs"]
mod support;

use rig::loganalytics::{Kind, LogAnalytics, Options, Table};
use serde_json::{Value, json};

use support::{Answer, client, send, token};

/// The table that exists from the start: ten rows, one in each tick from 2026-01-01.
const TABLE: &str = "Rows_CL";

async fn start(options: Options) -> LogAnalytics {
    let service = LogAnalytics::start(options).await.expect("start the stand-in");
    let rows: Vec<_> = (0..10)
        .map(|n| json!({"TimeGenerated": format!("2026-01-01T00:00:00.000000{n}Z"), "N": n, "_ItemId": format!("id-{n}")}))
        .collect();
    let table = Table::new(TABLE, &[("TimeGenerated", Kind::DateTime), ("N", Kind::Long)]);
    service.add(table.hidden(&[("_ItemId", Kind::String)]).rows(&rows).expect("rows of the table"));
    service
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The numbers N, where they are the only column.
    fn numbers(&self) -> Vec<i64> {
        let body = self.json();
        let rows = body["tables"][0]["rows"].as_array().unwrap_or_else(|| panic!("no rows: {body}"));
        rows.iter().map(|row| row[0].as_i64().expect("a number")).collect()
    }
}

/// A request with a good token to an endpoint of the workspace.
async fn post(service: &LogAnalytics, endpoint: &str, body: Value) -> reqwest::RequestBuilder {
    let url = format!("{}/v1/workspaces/{}/{endpoint}", service.url(), service.workspace());
    client().post(url).bearer_auth(token(service.identity(), "https://api.loganalytics.io").await).json(&body)
}

/// Asks, and answers whatever comes.
async fn ask(service: &LogAnalytics, query: &str) -> Answer {
    send(post(service, "query", json!({"query": query})).await).await.expect("an answer")
}
