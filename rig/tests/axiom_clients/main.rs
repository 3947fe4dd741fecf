//! The stand-in for Axiom, held to its contract: official clients run against it unchanged, and each switch and fault does what it says.

mod faults;
mod ingest;
mod javascript;
mod management;
mod rust;

use reqwest::header::HeaderMap;
use rig::axiom::{Axiom, Options};
use serde_json::Value;

/// The dataset that exists from the start.
const DATASET: &str = "logs";

async fn start(options: Options) -> Axiom {
    let datasets = vec![DATASET.to_owned()];
    Axiom::start(Options { datasets, keep_rows: true, ..options }).await.expect("start the stand-in")
}

/// A client without a pool to speak of: each test's connections are its own.
fn client() -> reqwest::Client {
    rig::install_tls();
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("build a client")
}

/// A whole answer.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// Sends, and reads the answer to its end; an error means that the connection broke somewhere.
async fn send(request: reqwest::RequestBuilder) -> reqwest::Result<Answer> {
    let response = request.send().await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Ok(Answer { status, headers, body: response.text().await? })
}

/// An ingest request through the edge.
fn post(axiom: &Axiom, body: impl Into<reqwest::Body>) -> reqwest::RequestBuilder {
    let url = format!("{}/v1/ingest/{DATASET}", axiom.edge_url());
    client().post(url).bearer_auth(axiom.token()).header("content-type", "application/x-ndjson").body(body)
}
