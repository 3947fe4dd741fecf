//! Pulls: tables that data export does not carry, asked for again and again.
//!
//! ```text
//! file (which)  ->  due?  ->  claim its state  ->  ask (page by page, or part by part)  ->  send  ->  save how far it came  ->  record
//! ```
//!
//! The state moves only after rows have arrived, so that a run which ends anywhere is gone on with and loses nothing.

pub mod file;
mod incremental;
pub mod kql;
pub mod page;
pub mod pull;
pub mod run;
pub mod seen;
pub mod sink;
mod snapshot;
pub mod state;
pub mod store;

use std::collections::HashMap;
use std::sync::Arc;

use crate::app::App;
use crate::azure::{self, StorageError};
use crate::hunting::Hunting;
use crate::kusto::Kusto;
use crate::loganalytics::LogAnalytics;
use crate::query::rows::Rows;
use crate::query::window::{DAY, Ticks, Window};
use crate::query::{AskError, ConnectError};
use crate::settings::{Platform, PullsFrom};
use crate::ship::Flow;
use pull::{Destination, Pull, Source};
use store::Store;

/// Everything that pulls need. Cheap to clone.
#[derive(Clone)]
pub struct Pulls {
    /// Which there are, in the order of the file.
    pub pulls: Arc<Vec<Pull>>,
    /// What is known of each.
    pub store: Store,
    /// The way to Axiom, the same as that of exported blobs.
    pub flow: Flow,
    /// The dataset for a record of each run.
    pub audit_dataset: String,
    log_analytics: Option<LogAnalytics>,
    hunting: Hunting,
    kusto: HashMap<url::Url, Kusto>,
}

/// Pulls cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum PullsError {
    /// Nobody said which.
    #[error("pull tables: set PULLS_FILE to a file with pulls, such as pulls/defender-tvm.toml (docs/pulls.md)")]
    None,
    /// The file is not there.
    #[error("read the pulls of {0}: compare PULLS_FILE with the files of the package")]
    File(String, #[source] std::io::Error),
    /// It says something else than pulls.
    #[error(transparent)]
    Problems(#[from] file::Problems),
    /// There is no workspace to ask.
    #[error(
        "pull {0} from Log Analytics: set LOG_ANALYTICS_WORKSPACE to the workspace's id, a GUID that its overview page shows"
    )]
    NoWorkspace(String),
    /// A service cannot be asked.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// Storage.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Reads which pulls there are.
///
/// # Errors
/// [`PullsError`], [`PullsError::None`] where nobody said which.
pub fn written_down(from: Option<&PullsFrom>) -> Result<Vec<Pull>, PullsError> {
    match from {
        None => Err(PullsError::None),
        Some(PullsFrom::Text(text)) => Ok(file::read("PULLS", text)?),
        Some(PullsFrom::File(name)) => {
            let text = std::fs::read_to_string(name).map_err(|error| PullsError::File(name.clone(), error))?;
            Ok(file::read(name, &text)?)
        }
    }
}

impl Pulls {
    /// Reads which there are and makes the clients. Sends nothing yet.
    ///
    /// # Errors
    /// [`PullsError`].
    pub fn connect(app: &App, platform: &Platform) -> Result<Self, PullsError> {
        let settings = &app.settings;
        let pulls = written_down(settings.pulls.pulls.as_ref())?;
        let identity = platform.identity;
        let log_analytics =
            settings.log_analytics.as_ref().map(|asked| LogAnalytics::connect(asked, identity)).transpose()?;
        let nobody = |pull: &&Pull| matches!(pull.source, Source::LogAnalytics(_)) && log_analytics.is_none();
        if let Some(pull) = pulls.iter().find(nobody) {
            return Err(PullsError::NoWorkspace(pull.name.clone()));
        }
        let mut kusto = HashMap::new();
        for pull in &pulls {
            if let Destination::Kusto(table) = &pull.destination
                && !kusto.contains_key(&table.cluster)
            {
                let client = Kusto::new(table, identity, settings.pulls.client_id.clone())?;
                kusto.insert(table.cluster.clone(), client);
            }
        }
        let host = azure::connect_blobs(&settings.host_storage, identity)?;
        Ok(Self {
            pulls: Arc::new(pulls),
            store: Store::new(host, &settings.pulls.container, settings.claim_for),
            flow: app.flow.clone(),
            audit_dataset: settings.pulls.audit_dataset.clone(),
            log_analytics,
            hunting: Hunting::connect(&settings.pulls.hunting, identity)?,
            kusto,
        })
    }

    /// Asks the pull's source. `span` is where `TimeGenerated` may lie, which Log Analytics wants to know; none for all of it.
    async fn ask(&self, pull: &Pull, kql: &str, span: Option<Window>) -> Result<Rows, AskError> {
        match (pull.source, &self.log_analytics) {
            (Source::LogAnalytics(plan), Some(log_analytics)) => {
                let ever = Window { from: Ticks(0), to: Ticks(100 * 365 * DAY) };
                log_analytics.ask(kql, span.unwrap_or(ever), plan).await
            }
            (Source::LogAnalytics(_), None) => unreachable!("checked when the pulls were connected"),
            (Source::Hunting, _) => self.hunting.ask(kql).await,
        }
    }
}
