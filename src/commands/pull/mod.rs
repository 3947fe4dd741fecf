//! `pull run` and `pull status`, and what `function-pull` does.

mod status;

use std::time::Duration;

use anyhow::bail;
use futures::StreamExt as _;
use time::OffsetDateTime;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::pulls::Pulls;
use crate::pulls::pull::Pull;
use crate::pulls::run::{Ran, run as run_one};
use crate::pulls::state::{Run, Status};
use crate::pulls::store::StoreError;
use crate::query::window::Ticks;
use crate::report::chain;
use crate::ship::Until;

pub use status::status;

/// Pulls that run at a time: each has a page in memory, or the parts of a snapshot that it reads ahead.
const AT_ONCE: usize = 3;

/// How long `pull run` lets a run go on; it goes on from there at once.
const LONG: Duration = Duration::from_secs(30 * 86_400);

/// Runs pulls, in a loop or once. True when none failed.
///
/// # Errors
/// There is no such pull.
pub async fn run(
    pulls: &Pulls,
    app: &App,
    which: Which<'_>,
    once: bool,
    stop: &CancellationToken,
) -> anyhow::Result<bool> {
    if let Some(name) = which.name.filter(|name| !pulls.pulls.iter().any(|pull| pull.name == *name)) {
        let names: Vec<_> = pulls.pulls.iter().map(|pull| pull.name.as_str()).collect();
        bail!("there is no pull {name:?}: there are {}", names.join(", "));
    }
    loop {
        let until = Until { deadline: Instant::now() + LONG, stop: stop.clone() };
        let ended = run_all(pulls, which, &until).await;
        if once || stop.is_cancelled() {
            return Ok(ended.failed == 0);
        }
        if stop.run_until_cancelled(tokio::time::sleep(app.settings.run_every)).await.is_none() {
            return Ok(true);
        }
    }
}

/// What became of pulls.
#[derive(Debug, Default)]
pub struct Ended {
    /// A line for each that ran.
    pub said: Vec<String>,
    /// How many failed.
    pub failed: usize,
}

/// Which pulls run, and when it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Which<'a> {
    /// This one, active or not; else all active ones.
    pub name: Option<&'a str>,
    /// Due or not.
    pub anyway: bool,
    /// What is taken for now.
    pub as_of: Option<Ticks>,
}

/// Runs pulls, several at a time. One that fails keeps none from running.
pub async fn run_all(pulls: &Pulls, which: Which<'_>, until: &Until) -> Ended {
    let wanted = |pull: &&Pull| which.name.map_or(pull.active, |name| pull.name == name);
    let runs: Vec<_> = pulls.pulls.iter().filter(wanted).map(|pull| run_now(pulls, pull, which, until)).collect();
    let mut ended = Ended::default();
    let mut runs = futures::stream::iter(runs).buffer_unordered(AT_ONCE);
    while let Some((pull, ran)) = runs.next().await {
        let name = &pull.name;
        match ran {
            Ok(Ran::NotDue) => {}
            Ok(Ran::Taken) => {
                tracing::warn!(pull = name, "another run is at it, or ended without a word");
                ended.said.push(format!("{name}: another run is at it, or ended without a word"));
            }
            Ok(Ran::Ran(run)) => {
                ended.failed += usize::from(run.status == Status::Failed);
                ended.said.push(told(&run));
            }
            Err(error) => {
                tracing::error!(pull = name, error = chain(&error), "the state of a pull cannot be kept");
                ended.failed += 1;
                ended.said.push(format!("{name}: {}", chain(&error)));
            }
        }
    }
    ended
}

async fn run_now<'a>(
    pulls: &Pulls,
    pull: &'a Pull,
    which: Which<'_>,
    until: &Until,
) -> (&'a Pull, Result<Ran, StoreError>) {
    let now = which.as_of.unwrap_or_else(|| Ticks::of(OffsetDateTime::now_utc()));
    (pull, run_one(pulls, pull, now, until, which.anyway).await)
}

/// Logs a run, and tells it in a line.
fn told(run: &Run) -> String {
    let Run { pull, rows, known, set_aside, perhaps_twice, .. } = run;
    let numbers = format!("{rows} rows, {known} known before, {set_aside} set aside, at most {perhaps_twice} twice");
    let (duration_ms, bytes) = (run.duration_ms, run.bytes);
    match run.status {
        Status::Failed => {
            tracing::error!(pull, error = run.reason, rows, bytes, duration_ms, "a pull failed");
            format!("{pull}: {}; {numbers}", run.reason)
        }
        Status::Stopped => {
            tracing::info!(
                pull,
                rows,
                known,
                set_aside,
                perhaps_twice,
                bytes,
                duration_ms,
                "a pull goes on with its next run"
            );
            format!("{pull}: not done yet; {numbers}")
        }
        Status::Done | Status::Running | Status::BrokeOff => {
            tracing::info!(pull, rows, known, set_aside, perhaps_twice, bytes, duration_ms, "a pull is done");
            format!("{pull}: {numbers}")
        }
    }
}
