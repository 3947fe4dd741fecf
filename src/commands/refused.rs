//! `refused list` and `refused replay`: what was set aside, and sending it again.

use std::collections::BTreeMap;
use std::io::Write;

use futures::TryStreamExt as _;

use crate::app::App;
use crate::axiom::Undelivered;
use crate::refused::{Replay, ReplayError, Replayed};
use crate::report::chain;

/// Rows set aside for one dataset and reason.
#[derive(Debug, Default, Clone, Copy)]
struct Count {
    rows: u64,
    bytes: u64,
    perhaps_delivered: u64,
}

/// Writes how many rows are set aside, by dataset and reason; with `rows`, each row as a line of JSON instead.
///
/// # Errors
/// Storage cannot be read, or `out` cannot be written.
pub async fn list(app: &App, prefix: &str, rows: bool, out: &mut (dyn Write + Send)) -> anyhow::Result<()> {
    let mut counts: BTreeMap<(String, String), Count> = BTreeMap::new();
    let mut names = std::pin::pin!(app.flow.refused.list(prefix));
    while let Some(name) = names.try_next().await? {
        for record in app.flow.refused.read(&name).await?.0 {
            if rows {
                writeln!(out, "{}", serde_json::to_string(&record)?)?;
                continue;
            }
            let count = counts.entry((record.dataset.clone(), record.reason.clone())).or_default();
            count.rows += 1;
            count.bytes += record.bytes().len() as u64;
            count.perhaps_delivered += u64::from(record.perhaps_delivered);
        }
    }
    if rows {
        return Ok(());
    }
    if counts.is_empty() {
        writeln!(out, "nothing is set aside")?;
        return Ok(());
    }
    writeln!(out, "{:>8} {:>12} {:>8}  dataset: reason", "rows", "bytes", "perhaps")?;
    for ((dataset, reason), count) in counts {
        writeln!(out, "{:>8} {:>12} {:>8}  {dataset}: {reason}", count.rows, count.bytes, count.perhaps_delivered)?;
    }
    writeln!(
        out,
        "perhaps: Axiom may hold these rows already, since it took a part of their batch and did not say which"
    )?;
    Ok(())
}

/// Sends what is set aside again; what Axiom still refuses, and what is no valid row, stays. A record that Axiom refuses altogether does not keep those
/// behind it from being sent.
///
/// # Errors
/// Storage or Axiom does not answer as it should, or a record was refused altogether. Everything that is not delivered stays.
pub async fn replay(app: &App, prefix: &str, perhaps_delivered: bool) -> Result<Replayed, ReplayError> {
    let which = Replay { perhaps_delivered, row_bytes: app.flow.limits.row_bytes };
    // The names are taken first: the listing must not go on while what it lists is changed.
    let names: Vec<String> = app.flow.refused.list(prefix).try_collect().await?;
    let (mut total, mut refused) = (Replayed::default(), None);
    for name in names {
        let replayed = match app.flow.refused.replay(&app.flow.axiom, &name, which).await {
            Ok(replayed) => replayed,
            Err(ReplayError::Axiom(error @ Undelivered::Configuration { .. })) => {
                tracing::error!(blob = name, error = chain(&error), "not replayed");
                refused = Some(error);
                continue;
            }
            Err(error) => return Err(error),
        };
        tracing::info!(blob = name, delivered = replayed.delivered, remain = replayed.remain, "replayed");
        total.delivered += replayed.delivered;
        total.remain += replayed.remain;
    }
    match refused {
        Some(error) => Err(error.into()),
        None => Ok(total),
    }
}
