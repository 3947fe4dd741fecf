//! A stand-in for Axiom: both ingest doors, the management of datasets, dashboards and monitors, and a part of the query language, over HTTP on the loopback address.
//!
//! It answers as Axiom's documentation and official clients say (REST API reference, "Limits", "API limits"), and counts what was
//! *committed*: a test judges a sender by the store, not by the answers that it got. Where the documentation is silent, [`Rules`] has a
//! switch. [`Faults`] make it misbehave in every way that a sender must survive.
//!
//! A committed request has an unknown outcome until its whole answer is on the way, so one whose client gave up stays unknown.

mod access;
mod apl;
mod body;
mod closed;
mod csv;
mod dashboards;
mod dataset;
mod event;
mod fault;
mod gate;
mod gotime;
mod ingest;
mod manage;
mod monitors;
mod options;
mod query;
mod reply;
mod route;
mod server;
mod store;
mod timestamp;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Value};

pub use access::Rights;
pub use dataset::Totals;
pub use fault::{ErrorBody, Fault, Faults, HostileBody, PoisonEffect, Refusal, RetryAfter};
pub use gate::Gate;
pub use options::{Blame, Inspect, LongValue, Options, Rules};
pub use store::{Outcome, Request};

use crate::loopback;
use dataset::Dataset;
use server::{Door, Shared};

/// A running stand-in; it ends when the value is dropped.
pub struct Axiom {
    shared: Arc<Shared>,
    central: Door,
    edge: Door,
    token: String,
}

impl Axiom {
    /// Starts on two free ports of 127.0.0.1, one for the central API and one for the edge.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        let (central, edge) = (loopback::bind().await?, loopback::bind().await?);
        let shared = Arc::new(Shared::new(options, format!("http://{}", edge.local_addr()?)));
        for name in &shared.options.datasets {
            let settings = manage::settings(name, &shared.edge_url, &Map::new());
            shared.store().datasets.insert(name.clone(), Dataset::new(settings));
        }
        let token = shared.store().tokens.add(Rights::all());
        let central = Door::open(central, Arc::clone(&shared), false)?;
        let edge = Door::open(edge, Arc::clone(&shared), true)?;
        Ok(Self { shared, central, edge, token })
    }

    /// Base URL of the central API: dataset management, query, and the legacy ingest path.
    pub fn url(&self) -> String {
        self.central.url()
    }

    /// Base URL of the edge: ingest and query.
    pub fn edge_url(&self) -> String {
        self.edge.url()
    }

    /// The program's settings that lead here.
    pub fn settings(&self) -> [(String, String); 2] {
        [("AXIOM_URL".to_owned(), self.url()), ("AXIOM_TOKEN".to_owned(), self.token().to_owned())]
    }

    /// An API token that may do everything.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Makes another token.
    pub fn add_token(&self, rights: Rights) -> String {
        self.shared.store().tokens.add(rights)
    }

    /// What goes wrong.
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// Closes both listeners and breaks all connections, so that new ones are refused, or opens them again.
    pub async fn outage(&self, down: bool) -> anyhow::Result<()> {
        self.central.outage(down).await?;
        self.edge.outage(down).await
    }

    /// Names of all datasets.
    pub fn datasets(&self) -> Vec<String> {
        self.shared.store().datasets.keys().cloned().collect()
    }

    /// Totals of a dataset; zero for one that does not exist.
    pub fn totals(&self, dataset: &str) -> Totals {
        self.dataset(dataset, |dataset| dataset.totals.clone())
    }

    /// How often a dataset has committed the row with this hash, where rows are tracked.
    pub fn count_of(&self, dataset: &str, row_hash: u128) -> u64 {
        self.dataset(dataset, |dataset| dataset.counts.get(&row_hash).copied().unwrap_or(0))
    }

    /// The bytes of all committed rows in order of commit, where rows are kept.
    pub fn rows(&self, dataset: &str) -> Vec<Bytes> {
        self.dataset(dataset, |dataset| dataset.rows.clone())
    }

    /// The columns of all committed rows in order of commit, where rows are kept.
    pub fn events(&self, dataset: &str) -> Vec<Map<String, Value>> {
        self.dataset(dataset, |dataset| dataset.columns.clone())
    }

    /// The names of a dataset's fields, without `_time` and `_sysTime`.
    pub fn fields(&self, dataset: &str) -> Vec<String> {
        self.dataset(dataset, |dataset| dataset.fields.keys().cloned().collect())
    }

    /// Locks a dataset's schema to these names and types (`string`, `integer`, `float`, `boolean`, `array`, `map`), as Axiom's user interface does.
    pub fn lock_schema(&self, dataset: &str, fields: &[(&str, &str)]) {
        let fields: BTreeMap<_, _> =
            fields.iter().map(|(name, kind)| ((*name).to_owned(), (*kind).to_owned())).collect();
        if let Some(dataset) = self.shared.store().datasets.get_mut(dataset) {
            dataset.locked = Some(fields);
        }
    }

    /// The most recent requests, oldest first.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.store().requests.all()
    }

    /// Number of requests that were committed and not answered well: their senders cannot know.
    pub fn unknown_outcomes(&self) -> u64 {
        self.shared.store().requests.unknown()
    }

    fn dataset<T: Default>(&self, name: &str, read: impl FnOnce(&Dataset) -> T) -> T {
        self.shared.store().datasets.get(name).map(read).unwrap_or_default()
    }
}
