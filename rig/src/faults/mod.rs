//! `cargo faults`: many small runs of the whole program against everything that can go wrong, each drawn from a seed, each row accounted for.
//!
//! A run has its own storage account behind a [`proxy`](crate::proxy), its own stand-in for Axiom, and the shipped binary under one host or
//! more. While rows are appended, handlers are killed, requests refused, connections reset before and after they were carried out, messages
//! lost, repeated and reordered. Then the faults stop, everything settles, and every row ever written must be in Axiom or set aside.

pub mod account;
mod run;
mod scale;
mod scenario;
mod world;

use std::sync::Arc;

use anyhow::Context as _;
use futures::StreamExt as _;
use tokio_util::task::AbortOnDropHandle;

pub use run::{Run, Totals};
pub use scale::scale;
pub use scenario::Scenario;

use crate::azurite::Azurite;
use crate::demo::print;
use crate::handler::{self, AppRoot};

/// Runs for which one emulator serves: it never closes some of the files that it opens (about 200 in a run).
const RUNS_EACH: usize = 40;

/// What is run.
#[derive(Debug, Clone, clap::Parser)]
#[command(about = "Runs sentinel-axiom against seeded faults and accounts for every row")]
pub struct Options {
    /// Runs.
    #[arg(long, default_value_t = 20)]
    pub runs: usize,
    /// Seed of the first run; the others count on from it. Drawn when it is not given.
    #[arg(long)]
    pub seed: Option<u64>,
    /// Handler processes of each run, in place of what its seed says.
    #[arg(long)]
    pub handlers: Option<usize>,
    /// Runs at a time.
    #[arg(long, default_value_t = 8)]
    pub at_once: usize,
    /// Measures instead how much faster several handlers are than one, without faults.
    #[arg(long)]
    pub scale: bool,
}

/// Runs all of it and prints what happened. True when every row of every run is accounted for.
///
/// # Errors
/// A part cannot be started.
pub async fn run(options: &Options) -> anyhow::Result<bool> {
    crate::install_tls();
    print("building sentinel-axiom ...\n");
    let app = Arc::new(AppRoot::lay_out(&handler::build().await?)?);
    if options.scale {
        scale(&app).await?;
        return Ok(true);
    }
    let first = options.seed.unwrap_or_else(|| u64::from(fastrand::u32(..)));
    print(&format!("{} runs, seeds {first} and on; cargo faults -- --runs 1 --seed N repeats one\n", options.runs));
    let mut seeds = (first..).take(options.runs).collect::<Vec<_>>();
    let mut totals = Totals::default();
    while !seeds.is_empty() {
        let rest = seeds.split_off(seeds.len().min(RUNS_EACH));
        let azurite = Azurite::start().await.context("start the storage emulator")?;
        let scenarios = seeds.into_iter().map(|seed| Scenario::of(seed, options.handlers));
        totals.add(all(scenarios, options.at_once, &azurite, &app).await?);
        print(&format!("{totals}\n"));
        seeds = rest;
    }
    Ok(totals.failed == 0)
}

/// Plays scenarios, several at a time, and tells of those that fail.
///
/// # Errors
/// A part cannot be started.
pub async fn all(
    scenarios: impl IntoIterator<Item = Scenario>,
    at_once: usize,
    azurite: &Azurite,
    app: &Arc<AppRoot>,
) -> anyhow::Result<Totals> {
    let runs = scenarios.into_iter().map(|scenario| {
        let (account, app) = (azurite.new_account(), Arc::clone(app));
        async move {
            let seed = scenario.seed;
            let run = tokio::spawn(async move { Run::of(&scenario, account, &app).await });
            (seed, AbortOnDropHandle::new(run).await)
        }
    });
    let mut runs = futures::stream::iter(runs).buffer_unordered(at_once);
    let mut totals = Totals::default();
    while let Some((seed, run)) = runs.next().await {
        let run =
            run.with_context(|| format!("the run of seed {seed}"))?.with_context(|| format!("run seed {seed}"))?;
        totals.add(run.totals);
        for complaint in &run.complaints {
            print(&format!("seed {seed}: {complaint}\n"));
        }
        if totals.runs % 25 == 0 {
            print(&format!("... {totals}\n"));
        }
        tracing::debug!(seed, ?run, "done");
    }
    Ok(totals)
}
