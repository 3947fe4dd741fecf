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
use crate::loganalytics::kql::HIDDEN;
use crate::loganalytics::window::{Ticks, Window};
use crate::loganalytics::{AskError, ConnectError, LogAnalytics};
use crate::settings::Platform;
use crate::ship::Flow;
use archive::Archive;
use job::Job;
use ledger::Ledger;

/// Times that a query for no rows may time out.
const PROBES: u32 = 5;

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
        let naming =
            |hidden: &[&str]| Job { hidden: hidden.iter().map(|name| (*name).to_owned()).collect(), ..job.clone() };
        self.try_columns(&job).await?;
        let all = naming(&HIDDEN);
        if self.try_columns(&all).await.is_ok() {
            return Ok(all);
        }
        let mut there = Vec::new();
        for name in HIDDEN {
            match self.try_columns(&naming(&[name])).await {
                Ok(()) => there.push(name),
                Err(AskError::Refused(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(naming(&there))
    }

    /// Asks for no row at all, to learn whether the columns are there.
    async fn try_columns(&self, job: &Job) -> Result<(), AskError> {
        let window = Window { from: Ticks(0), to: Ticks(1) };
        let (kql, mut tries) = (job.source().columns(window), 0);
        loop {
            tries += 1;
            match self.log_analytics.ask(&kql, window, job.plan).await {
                // No row is never too much: this was a bad moment.
                Err(AskError::TooMuch(_)) if tries < PROBES => {}
                answer => return answer.map(drop),
            }
        }
    }
}
