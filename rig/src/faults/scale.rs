//! How much faster several handlers are than one.

use std::time::Duration;

use anyhow::{Context as _, bail};

use super::run::Run;
use super::scenario::Scenario;
use crate::azurite::Azurite;
use crate::demo::print;
use crate::handler::AppRoot;

/// Ships the same blobs with one handler, with two and with four, each doing one thing at a time, and prints how long it took. What is gained
/// is time spent waiting for Axiom, so that a machine with few cores shows it as well.
///
/// # Errors
/// A part cannot be started, or a row is lost or doubled.
pub async fn scale(app: &AppRoot) -> anyhow::Result<()> {
    let azurite = Azurite::start().await.context("start the storage emulator")?;
    let mut alone = None;
    for handlers in [1, 2, 4] {
        let scenario = Scenario {
            rows: 0,
            block_blobs: 40,
            batch_rows: 2,
            uploads: 1,
            visits: 1,
            answer: Duration::from_millis(200),
            ..Scenario::calm(1, handlers)
        };
        let run = Run::of(&scenario, azurite.new_account(), app).await?;
        if !run.complaints.is_empty() || run.totals.duplicates > 0 {
            bail!("{handlers} handlers: {} rows twice, {:?}", run.totals.duplicates, run.complaints);
        }
        let alone = *alone.get_or_insert(run.totals.longest);
        let (seconds, ratio) =
            (run.totals.longest.as_secs_f64(), alone.as_secs_f64() / run.totals.longest.as_secs_f64());
        print(&format!(
            "{handlers} handlers: {} rows in {seconds:.1} s, {ratio:.1} times as fast as one, none twice\n",
            run.totals.rows
        ));
    }
    Ok(())
}
