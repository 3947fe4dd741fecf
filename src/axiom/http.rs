//! The requests, one at a time; what an answer means is left to `answer`.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, Method, RequestBuilder, StatusCode, redirect};
use time::OffsetDateTime;
use url::Url;

use super::MARK;
use super::answer::{Answer, Setback, judge, judge_creation};
use crate::settings::{AxiomSettings, Door, TokenKind};

/// Most bytes of an answer that are read; the list of failures grows with the rows.
const LONGEST_ANSWER: usize = 16 << 20;

/// Why no client can be made.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The token cannot stand in a header.
    #[error("use AXIOM_TOKEN or AXIOM_ORG_ID as a header: it holds characters that no token has; copy it once more")]
    Header,
    /// An address is not one of HTTP.
    #[error("use {0} as an address: give one such as https://api.axiom.co")]
    Address(Url),
    /// TLS cannot be set up.
    #[error("set up HTTPS: install the system's CA certificates (package ca-certificates)")]
    Tls(#[source] reqwest::Error),
}

/// How long a request may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timeouts {
    pub(super) connect: Duration,
    /// For the whole request. Axiom took more than 10 s for every ingest on bad days, and a timeout duplicates rows.
    pub(super) request: Duration,
}

/// Talks to Axiom.
#[derive(Debug)]
pub(super) struct Http {
    client: Client,
    door: Door,
    api: Url,
}

impl Http {
    pub(super) fn new(settings: &AxiomSettings, timeouts: Timeouts) -> Result<Self, ConnectError> {
        let (Door::Edge(door) | Door::Central(door)) = &settings.ingest;
        if let Some(url) = [door, &settings.url].into_iter().find(|url| !matches!(url.scheme(), "http" | "https")) {
            return Err(ConnectError::Address(url.clone()));
        }
        // An error only says that the program chose a provider before, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .user_agent(concat!("sentinel-axiom/", env!("CARGO_PKG_VERSION")))
            .default_headers(credentials(settings)?)
            .connect_timeout(timeouts.connect)
            .timeout(timeouts.request)
            // A redirect would carry rows to an address that nobody configured.
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .http1_only()
            .build()
            .map_err(ConnectError::Tls)?;
        Ok(Self { client, door: settings.ingest.clone(), api: settings.url.clone() })
    }

    /// Sends `rows` rows, compressed into `wire`, to `dataset`.
    pub(super) async fn ingest(
        &self,
        dataset: &str,
        labels: Option<&str>,
        wire: Bytes,
        rows: u64,
    ) -> Result<Answer, reqwest::Error> {
        let mut url = match &self.door {
            Door::Edge(url) => address(url, &["v1", "ingest", dataset]),
            Door::Central(url) => address(url, &["v1", "datasets", dataset, "ingest"]),
        };
        url.set_query(Some("timestamp-field=TimeGenerated"));
        let mut request = self
            .client
            .post(url)
            .header(CONTENT_TYPE, "application/x-ndjson")
            .header(CONTENT_ENCODING, "zstd")
            .body(wire);
        if let Some(labels) = labels {
            request = request.header("x-axiom-event-labels", labels);
        }
        let (status, headers, body) = send(request).await?;
        Ok(judge(status, &headers, &body, rows, OffsetDateTime::now_utc()))
    }

    /// Asks a question in APL about what happened between `start` and `end` (RFC 3339). Never answered out of a cache.
    pub(super) async fn query(
        &self,
        apl: &str,
        start: &str,
        end: &str,
    ) -> Result<(StatusCode, HeaderMap, Vec<u8>), reqwest::Error> {
        let mut url = match &self.door {
            Door::Edge(url) => address(url, &["v1", "query", "_apl"]),
            Door::Central(url) => address(url, &["v1", "datasets", "_apl"]),
        };
        url.set_query(Some("format=tabular&nocache=true"));
        send(self.client.post(url).json(&serde_json::json!({ "apl": apl, "startTime": start, "endTime": end }))).await
    }

    /// Sends a request of the management API, which the central API alone serves: `path` lies below its address.
    pub(super) async fn manage(
        &self,
        method: Method,
        path: &[&str],
        body: Option<&serde_json::Value>,
    ) -> Result<(StatusCode, HeaderMap, Vec<u8>), reqwest::Error> {
        let request = self.client.request(method, address(&self.api, path));
        send(if let Some(body) = body { request.json(body) } else { request }).await
    }

    /// The edge deployment that rows go to; `None` leaves the choice to the organisation's default.
    pub(super) fn deployment(&self) -> Option<String> {
        deployment(&self.door)
    }

    /// Creates `dataset`, in the edge deployment that rows go to.
    pub(super) async fn create(&self, dataset: &str) -> Result<Result<(), Setback>, reqwest::Error> {
        let mut wanted = serde_json::json!({ "name": dataset, "description": MARK });
        if let Some(deployment) = deployment(&self.door) {
            wanted["edgeDeployment"] = deployment.into();
        }
        let request = self.client.post(address(&self.api, &["v2", "datasets"])).json(&wanted);
        let (status, headers, body) = send(request).await?;
        Ok(judge_creation(status, &headers, &body, OffsetDateTime::now_utc()))
    }
}

async fn send(request: RequestBuilder) -> Result<(StatusCode, HeaderMap, Vec<u8>), reqwest::Error> {
    let mut response = request.send().await?;
    let mut body = Vec::new();
    // Where the body breaks off, the status and what arrived are judged: half a success cannot be decoded, and half an error is one.
    while let Ok(Some(chunk)) = response.chunk().await {
        if body.len() + chunk.len() > LONGEST_ANSWER {
            break;
        }
        body.extend_from_slice(&chunk);
    }
    Ok((response.status(), std::mem::take(response.headers_mut()), body))
}

fn credentials(settings: &AxiomSettings) -> Result<HeaderMap, ConnectError> {
    let value = |text: &str| HeaderValue::from_str(text).map_err(|_| ConnectError::Header);
    let mut bearer = value(&format!("Bearer {}", settings.token.expose()))?;
    bearer.set_sensitive(true);
    let mut headers = HeaderMap::from_iter([(AUTHORIZATION, bearer)]);
    if let TokenKind::Personal { org_id } = &settings.token_kind {
        headers.insert("x-axiom-org-id", value(org_id)?);
    }
    Ok(headers)
}

/// The address of `segments` below `base`, percent-encoded: a dataset's name is never more than a name.
fn address(base: &Url, segments: &[&str]) -> Url {
    let mut url = base.clone();
    url.path_segments_mut().expect("addresses are http or https, which have paths").pop_if_empty().extend(segments);
    url
}

/// Axiom's id of the edge deployment behind a door (Axiom, "Edge deployments"); `None` leaves the choice to the organisation's default.
fn deployment(door: &Door) -> Option<String> {
    let Door::Edge(url) = door else { return None };
    Some(format!("cloud.{}", url.host_str()?.strip_suffix(".edge.axiom.co")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let check = |base: &str, dataset: &str, expected: &str| {
            let url = address(&base.parse().unwrap(), &["v1", "ingest", dataset]);
            assert_eq!(url.as_str(), expected);
        };
        check("https://e.axiom.co", "SigninLogs", "https://e.axiom.co/v1/ingest/SigninLogs");
        check("https://e.axiom.co/", "SigninLogs", "https://e.axiom.co/v1/ingest/SigninLogs");
        check("http://h:1/base", "a", "http://h:1/base/v1/ingest/a");
        check("http://h/base/", "a/../b?c#d ä", "http://h/base/v1/ingest/a%2F..%2Fb%3Fc%23d%20%C3%A4");
    }

    #[test]
    fn edge_hosts_name_their_deployment() {
        let check = |door: Door, expected: Option<&str>| assert_eq!(deployment(&door).as_deref(), expected);
        let url = |url: &str| url.parse().unwrap();
        check(Door::Edge(url("https://eu-central-1.aws.edge.axiom.co")), Some("cloud.eu-central-1.aws"));
        check(Door::Edge(url("https://proxy.example")), None);
        check(Door::Central(url("https://api.axiom.co")), None);
    }
}
