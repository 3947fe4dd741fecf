//! A stand-in for the Log Analytics query API and for the managed identity that opens it, over HTTP on the loopback address.
//!
//! It answers as the service's documentation, its official clients and their recordings say ("Azure Monitor Log Analytics API", "Query
//! limits"): a small part of the query language, the limits, and the truncation that comes with status 200. [`Faults`] make it misbehave
//! in the ways that a reader must survive. Rows come in the order of TimeGenerated where a query asks for no order; the service promises
//! none.

mod bind;
mod cell;
mod error;
mod fault;
mod identity;
mod lex;
mod options;
mod pace;
mod parse;
mod query;
mod record;
mod reply;
mod result;
mod run;
mod server;
mod summarize;
mod table;
mod ticks;
mod timespan;
mod value;

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use anyhow::Context as _;
use hyper::body::Incoming;
use serde_json::Value as Json;

pub use fault::{Fault, Faults};
pub use identity::{Given, Identity};
pub use options::Options;
pub use record::Request;
pub use table::{Column, Kind, Plan, Row, Table};

use server::{Certificate, Door, Shared};

/// A running stand-in; it ends when the value is dropped.
pub struct LogAnalytics {
    shared: Arc<Shared>,
    plain: Door,
    tls: Door,
    certificate: Certificate,
    identity: Identity,
}

impl LogAnalytics {
    /// Starts on free ports of 127.0.0.1: the query API without and with TLS, and the identity's endpoint.
    ///
    /// # Errors
    /// No port, or no certificate, can be had.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        let shared = Arc::new(Shared::new(options));
        let certificate = Certificate::new()?;
        let identity = Identity::start(Arc::clone(&shared.identity)).await?;
        let served = Arc::clone(&shared);
        let serve = move |request: hyper::Request<Incoming>| {
            let shared = Arc::clone(&served);
            async move { server::serve(&shared, request).await }
        };
        let plain = Door::open(None, serve.clone()).await?;
        let tls = Door::open(Some(&certificate), serve).await?;
        Ok(Self { shared, plain, tls, certificate, identity })
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
        &self.identity
    }

    /// The settings, of the program and of App Service, that lead here.
    pub fn settings(&self) -> Vec<(String, String)> {
        let settings = [
            ("LOG_ANALYTICS_URL", self.url()),
            ("LOG_ANALYTICS_WORKSPACE", self.workspace().to_owned()),
            ("IDENTITY_ENDPOINT", self.identity.url()),
            ("IDENTITY_HEADER", self.identity.header().to_owned()),
        ];
        settings.map(|(name, value)| (name.to_owned(), value)).into()
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

    /// Adds rows that come late, in export form.
    ///
    /// # Errors
    /// There is no such table, or a row is none of it.
    pub fn append_values(&self, table: &str, rows: &[Json]) -> anyhow::Result<()> {
        let mut tables = self.tables();
        let table = tables.get_mut(table).with_context(|| format!("there is no table {table}"))?;
        let rows = rows.iter().map(|row| table.row(row)).collect::<anyhow::Result<Vec<_>>>()?;
        table.append(rows);
        Ok(())
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

    fn tables(&self) -> std::sync::RwLockWriteGuard<'_, run::Tables> {
        self.shared.tables.write().unwrap_or_else(PoisonError::into_inner)
    }
}
