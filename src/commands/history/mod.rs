//! `history estimate`, `history run` and `history status`.

mod estimate;
mod run;
mod status;

pub use estimate::estimate;
pub use run::{How, run};
pub use status::status;

use anyhow::Context as _;

use crate::app::App;
use crate::cli::{Destination, What};
use crate::history::job::{Job, Target};
use crate::history::{History, manifest, plan};
use crate::query::window::Window;

/// The jobs that the command line asks for, with the columns that their tables have.
pub(super) async fn jobs(
    history: &History,
    app: &App,
    what: &What,
    (to, zstd): (Destination, bool),
) -> anyhow::Result<Vec<Job>> {
    let mut jobs = Vec::new();
    for (name, query) in what.named()? {
        let to = match to {
            Destination::Axiom => Target::Axiom { dataset: app.flow.axiom.dataset_for(Some(&name), &name) },
            Destination::Storage => Target::Storage { zstd },
        };
        let job = Job { name: name.clone(), query, plan: what.plan, to, hidden: Vec::new() };
        jobs.push(history.explore(job).await.context(name)?);
    }
    Ok(jobs)
}

async fn counted(history: &History, job: &Job, window: Window) -> anyhow::Result<(Vec<plan::Bin>, u64)> {
    plan::days(&history.log_analytics, job, window).await.with_context(|| job.name.clone())
}

/// The manifest goes where the rows go, or, for a dataset, to the account of what is done.
async fn write_manifest(history: &History, key: &str, window: Window) -> anyhow::Result<Vec<String>> {
    let place = match &history.archive {
        Some(archive) if key.starts_with("storage/") => (archive.blobs(), history.ledger.container()),
        _ => (history.ledger.blobs(), history.ledger.container()),
    };
    Ok(manifest::write(&history.ledger, key, window, place).await?)
}

#[expect(clippy::cast_precision_loss, reason = "shown with one digit")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
