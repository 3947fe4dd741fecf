//! What the tests of all stand-ins for query services share: a client, whole answers, and tokens of the identity.

use std::sync::OnceLock;

use reqwest::header::HeaderMap;
use rig::identity::Identity;
use serde_json::Value;

/// A client.
pub(crate) fn client() -> reqwest::Client {
    static CLIENT: OnceLock<()> = OnceLock::new();
    CLIENT.get_or_init(rig::install_tls);
    // No pool: each test's runtime ends with the test, and its connections with it.
    reqwest::Client::builder().pool_max_idle_per_host(0).build().expect("build a client")
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// Sends, and reads the answer to its end; an error means that the connection broke somewhere.
pub(crate) async fn send(request: reqwest::RequestBuilder) -> reqwest::Result<Answer> {
    let response = request.send().await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Ok(Answer { status, headers, body: response.bytes().await?.to_vec() })
}

/// A token of an identity.
pub(crate) async fn token(identity: &Identity, resource: &str) -> String {
    let request = client().get(identity.url()).query(&[("api-version", "2019-08-01"), ("resource", resource)]);
    let answer = send(request.header("X-IDENTITY-HEADER", identity.header())).await.expect("an answer").json();
    answer["access_token"].as_str().expect("a token").to_owned()
}
