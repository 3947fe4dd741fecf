//! A stand-in for Azure Data Explorer, and for an Eventhouse of Fabric, over HTTP on the loopback address: management commands, queries,
//! streaming ingestion, and queued ingestion through queues, blobs and a table of the storage emulator.
//!
//! It answers as the documentation ("Ingestion without the Kusto.Ingest library", "Query/management HTTP response", "Ingestion error codes")
//! and the official clients say, which run against it unchanged. Tables hold what was ingested; no row is gathered, merged or forgotten.

mod command;
mod frame;
mod ingest;
mod manage;
mod mapping;
mod message;
mod options;
mod record;
mod records;
mod refusal;
mod report;
mod sas;
mod scan;
mod server;
mod shared;
mod storage;
mod store;
mod stream;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::anyhow;
use hyper::body::Incoming;
use serde_json::Value as Json;
use tokio_util::task::AbortOnDropHandle;

pub use crate::fault::{Fault, Faults};
pub use crate::identity::{Given, Identity};
pub use crate::kql::Kind;
pub use options::Options;
pub use record::{Ingestion, Request};

use crate::azurite::Account;
use crate::door::{Certificate, Door};
use shared::{Shared, lock};

/// How an ingestion fails on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// It may go well another time.
    Transient,
    /// It never will.
    Permanent,
}

/// A running stand-in; it ends when the value is dropped.
pub struct Kusto {
    shared: Arc<Shared>,
    engine: Door,
    ingest: Door,
    tls: Door,
    certificate: Certificate,
    _worker: AbortOnDropHandle<()>,
}

impl Kusto {
    /// Starts on free ports of 127.0.0.1, with queued ingestion through this account, and an identity's endpoint.
    ///
    /// # Errors
    /// No port, or no certificate, can be had, or the account does not answer.
    pub async fn start(options: Options, account: &Account) -> anyhow::Result<Self> {
        let identity = Identity::start(options.token_lifetime, None).await?;
        Self::start_with(options, account, &identity).await
    }

    /// The same with an identity that others share.
    ///
    /// # Errors
    /// As [`Kusto::start`].
    pub async fn start_with(options: Options, account: &Account, identity: &Identity) -> anyhow::Result<Self> {
        let shared = Arc::new(Shared::new(options, identity.clone(), account)?);
        shared.prepare().await?;
        let serve = |is_ingest: bool| {
            let shared = Arc::clone(&shared);
            move |request: hyper::Request<Incoming>| {
                let shared = Arc::clone(&shared);
                async move { server::serve(&shared, request, is_ingest).await }
            }
        };
        let certificate = Certificate::new()?;
        let engine = Door::open(None, serve(false)).await?;
        let ingest = Door::open(None, serve(true)).await?;
        let tls = Door::open(Some(&certificate), serve(false)).await?;
        let worker = AbortOnDropHandle::new(tokio::spawn(ingest::work(Arc::clone(&shared))));
        Ok(Self { shared, engine, ingest, tls, certificate, _worker: worker })
    }

    /// Address of the cluster. Everything can be asked here, queued ingestion too.
    pub fn url(&self) -> String {
        self.engine.url().to_owned()
    }

    /// Another address of the cluster, which says that it is the one for ingestion.
    pub fn ingest_url(&self) -> String {
        self.ingest.url().to_owned()
    }

    /// Address of the cluster, with TLS.
    pub fn tls_url(&self) -> String {
        self.tls.url().to_owned()
    }

    /// The file with the certificate that a client of [`Kusto::tls_url`] must trust.
    pub fn ca_path(&self) -> &Path {
        self.certificate.path()
    }

    /// The endpoint that gives tokens.
    pub fn identity(&self) -> &Identity {
        &self.shared.identity
    }

    /// The settings, of the program and of App Service, that lead here.
    pub fn settings(&self) -> Vec<(String, String)> {
        let own = [("KUSTO_URL", self.url()), ("KUSTO_INGEST_URL", self.ingest_url())];
        own.map(|(name, value)| (name.to_owned(), value)).into_iter().chain(self.identity().settings()).collect()
    }

    /// Makes a table, or adds to it the columns that it lacks.
    ///
    /// # Errors
    /// There is no such database, or a column has another type.
    pub fn table(&self, database: &str, name: &str, columns: &[(&str, Kind)]) -> anyhow::Result<()> {
        let mut store = self.shared.store_mut();
        store
            .database_mut(database)
            .and_then(|database| database.merge(name, columns))
            .map_err(|error| anyhow!("{error:?}"))
    }

    /// All tables: database and name.
    pub fn tables(&self) -> Vec<(String, String)> {
        self.shared.store().tables().map(|(database, table)| (database.to_owned(), table.to_owned())).collect()
    }

    /// Runs a management command without HTTP; gives the rows that it answers.
    ///
    /// # Errors
    /// The command is refused.
    pub fn manage(&self, database: &str, command: &str) -> anyhow::Result<Json> {
        let listing = command::parse(command).and_then(|command| manage::run(&self.shared, database, command, false));
        Ok(listing.map_err(|error| anyhow!("{error:?}"))?.reply()["Tables"][0]["Rows"].take())
    }

    /// All rows of a table, as objects by column; none for one that does not exist.
    pub fn rows(&self, database: &str, table: &str) -> Vec<Json> {
        self.shared.store().database(database).map(|database| database.rows(table)).unwrap_or_default()
    }

    /// Leaves messages on the queues, or works them off again.
    pub fn hold(&self, held: bool) {
        self.shared.held.store(held, Ordering::SeqCst);
    }

    /// Lets the next queued ingestions fail.
    pub fn fail_next(&self, ingestions: usize, failure: Failure) {
        *lock(&self.shared.failing) = (ingestions, failure);
    }

    /// All queued ingestions that were worked off, oldest first.
    pub fn ingestions(&self) -> Vec<Ingestion> {
        lock(&self.shared.ingestions).clone()
    }

    /// All entries of the table of statuses.
    ///
    /// # Errors
    /// The account does not answer.
    pub async fn statuses(&self) -> anyhow::Result<Vec<Json>> {
        self.shared.storage.entities(&self.shared.names.statuses).await
    }

    /// What goes wrong with requests; `only` goes by the command, the query, or `ingest <database>.<table>`.
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// Lets the identity do everything, or nothing.
    pub fn permit(&self, permitted: bool) {
        self.shared.permitted.store(permitted, Ordering::SeqCst);
    }

    /// The most recent requests, oldest first.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.record().all()
    }
}
