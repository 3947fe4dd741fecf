//! A stand-in for Azure Resource Graph, over HTTP on the loopback address: the one call `resources`, over the table of what Defender for
//! Cloud knows.
//!
//! It answers as the documentation (REST reference, "Guidance for pagination", "Guidance for throttled requests") and recorded answers say:
//! pages by a token that tells a place and not a state, so that records which come and go between two pages move the others; a limit for
//! records and one for bytes of a reply; a quota of queries with its headers; and subscriptions beyond a number that are left out.

mod answer;
mod options;
mod page;
mod record;
mod refusal;
mod rows;
mod server;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::ensure;
use hyper::body::Incoming;

pub use crate::fault::{Fault, Faults};
pub use crate::identity::{Given, Identity};
pub use options::Options;
pub use record::Request;

use crate::door::{Certificate, Door};
use server::Shared;

/// A running stand-in; it ends when the value is dropped.
pub struct ResourceGraph {
    shared: Arc<Shared>,
    plain: Door,
    tls: Door,
    certificate: Certificate,
}

impl ResourceGraph {
    /// Starts on free ports of 127.0.0.1: the call without and with TLS, and an identity's endpoint.
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
    /// As [`ResourceGraph::start`].
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

    /// Base URL, without TLS.
    pub fn url(&self) -> String {
        self.plain.url().to_owned()
    }

    /// Base URL, with TLS.
    pub fn tls_url(&self) -> String {
        self.tls.url().to_owned()
    }

    /// The file with the certificate that a client of [`ResourceGraph::tls_url`] must trust.
    pub fn ca_path(&self) -> &Path {
        self.certificate.path()
    }

    /// The endpoint that gives tokens.
    pub fn identity(&self) -> &Identity {
        &self.shared.identity
    }

    /// The settings, of the program and of App Service, that lead here.
    pub fn settings(&self) -> Vec<(String, String)> {
        [("RESOURCE_GRAPH_URL".to_owned(), self.url())].into_iter().chain(self.identity().settings()).collect()
    }

    /// Adds records to `securityresources`, each the JSON text of an object. The text of each value comes back as it is.
    ///
    /// # Errors
    /// A record is no object.
    pub fn add(&self, records: impl IntoIterator<Item = impl AsRef<str>>) -> anyhow::Result<()> {
        let records =
            records.into_iter().map(|record| rows::row(record.as_ref())).collect::<anyhow::Result<Vec<_>>>()?;
        self.shared.tables().get_mut(rows::TABLE).expect("it is there from the start").append(records);
        Ok(())
    }

    /// Removes the record with this id.
    ///
    /// # Errors
    /// There is none.
    pub fn remove(&self, id: &str) -> anyhow::Result<()> {
        let mut tables = self.shared.tables();
        let records = &mut tables.get_mut(rows::TABLE).expect("it is there from the start").rows;
        let before = records.len();
        records.retain(|row| rows::text(row, "id") != id);
        ensure!(records.len() < before, "there is no record {id}");
        Ok(())
    }

    /// What goes wrong.
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// Lets the identity read, or takes that right away.
    pub fn permit(&self, permitted: bool) {
        self.shared.permitted.store(permitted, Ordering::SeqCst);
    }

    /// The most recent requests, oldest first.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.record().all()
    }

    /// The most queries that were let in within one stretch of the quota.
    pub fn most_queries_in_window(&self) -> usize {
        self.shared.rate.most()
    }

    /// Queries that were turned away by the quota.
    pub fn throttled(&self) -> usize {
        self.shared.rate.turned_away()
    }
}
