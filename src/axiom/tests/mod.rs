//! Deliveries to a real HTTP server on loopback that answers as told, broken connections included.

mod configuration;
mod refusal;
mod server;
mod success;
mod trouble;

use std::time::Duration;

use tokio::time::Instant;

use super::http::Timeouts;
use super::*;
use crate::batch::{BatchLimits, Batcher};
use crate::lines::Lines;
use crate::secret::Secret;
use crate::settings::{DatasetRule, Door, TokenKind};
use server::{Act, Request, Server};

/// Where the batches of these tests begin in their blob.
const OFFSET: u64 = 1000;

fn settings(server: &Server) -> AxiomSettings {
    AxiomSettings {
        token: Secret::new("xaat-secret"),
        token_kind: TokenKind::Api,
        url: server.url.clone(),
        ingest: Door::Edge(server.url.clone()),
        datasets: DatasetRule::PerTable { prefix: String::new(), map: Default::default() },
        create_datasets: true,
        provenance: true,
    }
}

fn axiom_with(settings: AxiomSettings) -> Axiom {
    let timeouts = Timeouts { connect: Duration::from_secs(10), request: Duration::from_secs(20) };
    Axiom::connect_with(settings, timeouts, Backoff::new(Duration::from_millis(1), Duration::from_millis(4)))
        .expect("a client")
}

fn axiom(server: &Server) -> Axiom {
    axiom_with(settings(server))
}

fn destination() -> Destination {
    Destination { dataset: "SigninLogs".to_owned(), blob: Some("am-signinlogs/PT05M.json".to_owned()) }
}

/// One batch of these lines.
fn batch(lines: &[impl AsRef<str>]) -> Batch {
    let text: String = lines.iter().map(|line| format!("{}\n", line.as_ref())).collect();
    let limits = BatchLimits { bytes: 8 << 20, rows: 10_000, row_bytes: 900_000 };
    let (mut framed, mut batcher) = (Lines::new(OFFSET), Batcher::new(limits, OFFSET));
    framed.feed(text.as_bytes(), |line| assert_eq!(batcher.push(line), None, "one batch"));
    batcher.cut().expect("lines")
}

fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{{\"n\":{n},\"TimeGenerated\":\"2026-01-01T00:00:00Z\"}}")).collect()
}

/// Far away, so that a test waits for conditions and not for time.
fn far() -> Instant {
    Instant::now() + Duration::from_secs(300)
}

async fn deliver(axiom: &Axiom, batch: Batch) -> Result<Delivered, Undelivered> {
    deliver_to(axiom, &destination(), batch, far()).await
}

async fn deliver_to(axiom: &Axiom, to: &Destination, batch: Batch, until: Instant) -> Result<Delivered, Undelivered> {
    axiom.deliver(to, axiom.pack(batch, 1).await, until).await
}

/// The rows of all requests that were answered with success, in order.
fn taken(server: &Server, success: impl Fn(&Request) -> bool) -> Vec<String> {
    let requests = server.received();
    requests.iter().filter(|request| success(request)).flat_map(Request::rows).collect()
}

fn advice_of(result: Result<Delivered, Undelivered>) -> String {
    match result {
        Err(Undelivered::Configuration { advice, .. }) => advice,
        other => panic!("{other:?}"),
    }
}
