//! A stand-in for the Log Analytics query API and for the managed identity that opens it, over HTTP on the loopback address.
//!
//! It answers as the service's documentation, its official clients and their recordings say ("Azure Monitor Log Analytics API", "Query
//! limits"): a small part of the query language, the limits, and the truncation that comes with status 200. [`Faults`] make it misbehave
//! in the ways that a reader must survive. Rows come in the order of TimeGenerated where a query asks for no order; the service promises
//! none.

mod options;
mod pace;
mod query;
mod record;
mod reply;
mod result;
mod server;

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use anyhow::Context as _;
use hyper::body::Incoming;
use serde_json::Value as Json;

pub use crate::fault::{Fault, Faults};
pub use crate::identity::{Given, Identity};
pub use crate::kql::{Column, Kind, Plan, Row, Table};
pub use options::Options;
pub use record::Request;

use crate::door::{Certificate, Door};
use crate::kql::{self, Tables, ticks};
use server::Shared;

/// A running stand-in; it ends when the value is dropped.
pub struct LogAnalytics {
    shared: Arc<Shared>,
    plain: Door,
    tls: Door,
    certificate: Certificate,
}

impl LogAnalytics {
    /// Starts on free ports of 127.0.0.1: the query API without and with TLS, and the identity's endpoint.
    ///
    /// # Errors
    /// No port, or no certificate, can be had.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        let identity = Identity::start(options.token_lifetime, options.client_id.clone()).await?;
        Self::start_with(options, &identity).await
    }

    /// The same with an identity that others share; what the options say about tokens' lifetime and the user-assigned identity is its own
    /// matter.
    ///
    /// # Errors
    /// As [`LogAnalytics::start`].
    pub async fn start_with(options: Options, identity: &Identity) -> anyhow::Result<Self> {
        let shared = Arc::new(Shared::new(options, identity.clone()));
        let certificate = Certificate::new()?;
        let served = Arc::clone(&shared);
        let serve = move |request: hyper::Request<Incoming>| {
            let shared = Arc::clone(&served);
            async move { server::serve(&shared, request).await }
        };
        let plain = Door::open(None, serve.clone()).await?;
        let tls = Door::open(Some(&certificate), serve).await?;
        Ok(Self { shared, plain, tls, certificate })
    }

    /// Base URL of the query API, without TLS.
    pub fn url(&self) -> String {
        self.plain.url().to_owned()
    }

    /// Base URL of the query API, with TLS.
    pub fn tls_url(&self) -> String {
        self.tls.url().to_owned()
    }

    /// The file with the certificate that a client of [`LogAnalytics::tls_url`] must trust.
    pub fn ca_path(&self) -> &Path {
        self.certificate.path()
    }

    /// The workspace's GUID.
    pub fn workspace(&self) -> &str {
        &self.shared.workspace
    }

    /// The endpoint that gives tokens.
    pub fn identity(&self) -> &Identity {
        &self.shared.identity
    }

    /// The settings, of the program and of App Service, that lead here.
    pub fn settings(&self) -> Vec<(String, String)> {
        let own = [("LOG_ANALYTICS_URL", self.url()), ("LOG_ANALYTICS_WORKSPACE", self.workspace().to_owned())];
        own.map(|(name, value)| (name.to_owned(), value)).into_iter().chain(self.identity().settings()).collect()
    }

    /// Defines a table, or replaces it.
    pub fn add(&self, table: Table) {
        self.tables().insert(table.name.clone(), table);
    }

    /// Adds rows that come late.
    ///
    /// # Panics
    /// There is no such table.
    pub fn append(&self, table: &str, rows: impl IntoIterator<Item = Row>) {
        self.tables().get_mut(table).expect("the table exists").append(rows);
    }

    /// The same, ingested at a time in ticks of 100 ns since the Unix epoch.
    ///
    /// # Panics
    /// There is no such table.
    pub fn append_at(&self, table: &str, rows: impl IntoIterator<Item = Row>, ingested: i64) {
        self.append(table, rows.into_iter().map(|row| row.ingested_at(ingested)));
    }

    /// Adds rows that come late, in export form; each was ingested at its TimeGenerated.
    ///
    /// # Errors
    /// There is no such table, or a row is none of it.
    pub fn append_values(&self, table: &str, rows: &[Json]) -> anyhow::Result<()> {
        kql::append(&mut self.tables(), table, rows, None)
    }

    /// The same, ingested at a time such as `2026-01-02T03:04:05.1234567Z`.
    ///
    /// # Errors
    /// As [`LogAnalytics::append_values`], or the time is none.
    pub fn append_values_at(&self, table: &str, rows: &[Json], ingested: &str) -> anyhow::Result<()> {
        let ingested = ticks::parse(ingested).with_context(|| format!("{ingested} is no time"))?;
        kql::append(&mut self.tables(), table, rows, Some(ingested))
    }

    /// Number of rows of a table; none for one that does not exist.
    pub fn rows(&self, table: &str) -> usize {
        self.tables().get(table).map_or(0, Table::len)
    }

    /// What goes wrong.
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// Lets the identity read the workspace, or takes that right away.
    pub fn permit(&self, permitted: bool) {
        self.shared.permitted.store(permitted, Ordering::SeqCst);
    }

    /// The most recent requests, oldest first.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.record().all()
    }

    /// Queries that wait for their turn now.
    pub fn waiting(&self) -> usize {
        self.shared.pace.waiting()
    }

    fn tables(&self) -> std::sync::RwLockWriteGuard<'_, Tables> {
        self.shared.tables.write().unwrap_or_else(PoisonError::into_inner)
    }
}
