//! History: what was in the workspace before data export began, and whatever it could not carry.
//!
//! ```text
//! plan (days, and finer where there is much)  ->  slice  ->  read (as many rows as were counted)  ->  deliver  ->  ledger
//! ```
//!
//! A slice is half-open, so neighbours share no row, and it is written down when all of it has arrived. Whoever goes on after a stop leaves out what is done.

pub mod archive;
pub mod deliver;
pub mod estimate;
pub mod job;
pub mod ledger;
pub mod manifest;
pub mod plan;
pub mod progress;
pub mod read;
pub mod slice;
pub mod work;

use crate::app::App;
use crate::azure::{self, Queue, StorageError};
use crate::loganalytics::kql::Source;
use crate::loganalytics::{LogAnalytics, explore};
use crate::query::{AskError, ConnectError};
use crate::settings::Platform;
use crate::ship::Flow;
use archive::Archive;
use job::Job;
use ledger::Ledger;

/// Everything that history needs. Cheap to clone.
#[derive(Clone)]
pub struct History {
    /// Where rows are read.
    pub log_analytics: LogAnalytics,
    /// What is done.
    pub ledger: Ledger,
    /// Where slices wait for whoever is free.
    pub queue: Queue,
    /// The way to Axiom, the same as that of exported blobs.
    pub flow: Flow,
    /// The account of one's own, where there is one.
    pub archive: Option<Archive>,
}

/// History cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// There is no workspace to ask.
    #[error("ask a workspace: set LOG_ANALYTICS_WORKSPACE to its id, a GUID that its overview page shows")]
    NoWorkspace,
    /// The workspace cannot be asked.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// Storage.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl History {
    /// Makes the clients. Sends nothing yet.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub fn connect(app: &App, platform: &Platform) -> Result<Self, HistoryError> {
        let settings = &app.settings;
        let asked = settings.log_analytics.as_ref().ok_or(HistoryError::NoWorkspace)?;
        let host = azure::connect_blobs(&settings.host_storage, platform.identity)?;
        let archive = match (&settings.history.storage, &asked.resource_id) {
            (Some(storage), Some(id)) => Some(Archive::new(azure::connect_blobs(storage, platform.identity)?, id)),
            _ => None,
        };
        Ok(Self {
            log_analytics: LogAnalytics::connect(asked, platform.identity)?,
            ledger: Ledger::new(host, &settings.history.container, settings.claim_for),
            queue: azure::connect_queue(&settings.host_storage, platform.identity, &settings.history.queue)?,
            flow: app.flow.clone(),
            archive,
        })
    }

    /// The job with the hidden columns that its table has.
    ///
    /// # Errors
    /// The workspace does not know the table, or does not understand the query.
    pub async fn explore(&self, job: Job) -> Result<Job, AskError> {
        let kql = job.query.as_deref().unwrap_or(&job.name);
        let columns = |names: &[String]| Source::new(kql, names).columns(explore::NONE);
        let hidden = explore::hidden(&self.log_analytics, columns, job.plan).await?;
        Ok(Job { hidden, ..job })
    }
}
