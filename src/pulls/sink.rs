//! Where the rows of a pull go, and its records: a dataset of Axiom, or a table of Azure Data Explorer.

use crate::axiom::Axiom;
use crate::kusto::{Kusto, KustoError};
use crate::query::rows::Column;
use crate::send::{self, Arrived, SendError};
use crate::ship::Flow;

use super::Pulls;
use super::pull::{Destination, KustoTable, Pull};
use super::state::Run;

/// A destination, ready to take rows.
pub enum Sink<'a> {
    /// A dataset.
    Axiom {
        /// The way there.
        flow: &'a Flow,
        /// Its name.
        dataset: String,
    },
    /// A table.
    Kusto {
        /// The cluster.
        cluster: &'a Kusto,
        /// The table.
        table: &'a KustoTable,
    },
}

/// Rows, or a record, did not arrive.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// Axiom, or what is set aside.
    #[error(transparent)]
    Send(#[from] SendError),
    /// Azure Data Explorer.
    #[error(transparent)]
    Kusto(#[from] KustoError),
}

/// The dataset of a pull that goes to Axiom; `name` is what the pull itself says about it.
#[must_use]
pub fn dataset(axiom: &Axiom, pull: &Pull, name: Option<&str>) -> String {
    let table = pull.table.as_deref();
    name.map_or_else(|| axiom.dataset_for(table, table.unwrap_or(&pull.name)), str::to_owned)
}

impl<'a> Sink<'a> {
    /// The destination of a pull.
    #[must_use]
    pub fn of(pulls: &'a Pulls, pull: &'a Pull) -> Self {
        match &pull.destination {
            Destination::Axiom(name) => {
                Self::Axiom { flow: &pulls.flow, dataset: dataset(&pulls.flow.axiom, pull, name.as_deref()) }
            }
            Destination::Kusto(table) => Self::Kusto { cluster: &pulls.kusto[&table.cluster], table },
        }
    }

    /// Sees that rows with these columns can come, before any does.
    ///
    /// # Errors
    /// [`SinkError`].
    pub async fn prepare(&self, columns: &[Column]) -> Result<(), SinkError> {
        match self {
            Self::Axiom { .. } => Ok(()), // A missing dataset is created by the first rows.
            Self::Kusto { cluster, table } => Ok(cluster.prepare(table, columns).await?),
        }
    }

    /// Delivers rows, each a line of JSON. `source` names where they come from, and the `offset` in bytes at which they begin there.
    ///
    /// # Errors
    /// [`SinkError`]; some of the rows may have arrived all the same.
    pub async fn deliver(&self, source: (&str, u64), rows: u64, lines: &[u8]) -> Result<Arrived, SinkError> {
        match self {
            Self::Axiom { flow, dataset } => Ok(send::send(flow, dataset, source, lines).await?),
            Self::Kusto { cluster, table } => {
                let perhaps_twice = cluster.ingest(table, lines).await?;
                Ok(Arrived { rows, set_aside: 0, perhaps_twice })
            }
        }
    }

    /// Delivers records of runs: to the dataset for them, and to a table beside the rows where those go to Azure Data Explorer.
    ///
    /// # Errors
    /// [`SinkError`].
    pub async fn record(&self, pulls: &Pulls, runs: &[Run]) -> Result<(), SinkError> {
        let mut lines = Vec::new();
        for run in runs {
            let mut record = serde_json::to_value(run).expect("texts and numbers are JSON");
            // Nobody knows when a run ended that broke off.
            let time = if run.ended.is_empty() { &run.began } else { &run.ended };
            record["TimeGenerated"] = time.as_str().into();
            serde_json::to_writer(&mut lines, &record).expect("writing to memory");
            lines.push(b'\n');
        }
        let source = runs.first().map_or_else(String::new, |run| format!("pulls/{}/{}/records", run.pull, run.run));
        send::send(&pulls.flow, &pulls.audit_dataset, (&source, 0), &lines).await?;
        if let Self::Kusto { cluster, table } = self {
            cluster.record(table, &lines).await?;
        }
        Ok(())
    }
}
