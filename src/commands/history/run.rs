//! `history run`: from a range to slices, and the slices worked off, here or by whoever listens to the queue.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use futures::stream::{BoxStream, StreamExt as _, TryStreamExt as _};
use tokio_util::sync::CancellationToken;

use super::{counted, jobs, megabytes, write_manifest};
use crate::app::App;
use crate::cli::{Destination, What};
use crate::history::job::Job;
use crate::history::ledger::{Claim, Held, State};
use crate::history::progress::{Progress, Totals, duration};
use crate::history::slice::Slice;
use crate::history::work::{Worked, work};
use crate::history::{History, plan};
use crate::query::AskError;
use crate::query::window::{self, Window};
use crate::report::chain;
use crate::wake::SliceMessage;

/// Slices at work beside those that may be asked for at once: while rows are on their way to Axiom, nobody asks.
const SENDING: usize = 3;

/// Pause before slices that somebody else is at are looked at again.
const TAKEN: Duration = Duration::from_secs(1);

/// Sends to the queue at the same time.
const SENDS: usize = 16;

/// What a run is to do and how.
#[derive(Debug, Clone, Copy)]
pub struct How {
    /// Where the rows go.
    pub to: Destination,
    /// Compress blobs.
    pub zstd: bool,
    /// Leave the work to whoever listens to the queue.
    pub queue: bool,
}

/// Moves history. True when every slice is done (or on the queue).
///
/// # Errors
/// Settings, rights or the query must be mended first; or the account of what is done cannot be read.
pub async fn run(
    history: &History,
    app: &App,
    what: &What,
    how: How,
    stop: &CancellationToken,
) -> anyhow::Result<bool> {
    let window = what.window()?;
    if matches!(how.to, Destination::Storage) && history.archive.is_none() {
        bail!("write to storage: set HISTORY_STORAGE to an account of its own, and LOG_ANALYTICS_RESOURCE_ID");
    }
    let jobs = jobs(history, app, what, (how.to, how.zstd)).await?;
    let Some(mut claims) = claim(history, &jobs, stop).await? else { return Ok(false) };
    let renewing = async {
        let renewals = claims.iter_mut().map(|claim| claim.renewing(std::future::pending::<()>()));
        futures::future::try_join_all(renewals).await
    };
    let done = tokio::select! {
        done = cut_and_move(history, jobs, (window, what.slice_rows), how, stop) => done,
        lost = renewing => lost.map(|_| false).context("the right to cut slices was lost: run it again"),
    };
    for claim in claims {
        claim.release().await?;
    }
    done
}

/// The right to cut slices of these jobs, as soon as nobody else has it; none when the end was asked for.
async fn claim(history: &History, jobs: &[Job], stop: &CancellationToken) -> anyhow::Result<Option<Vec<Held>>> {
    let (mut claims, holder) = (Vec::new(), format!("{:016x}", fastrand::u64(..)));
    for job in jobs {
        let mut said = false;
        loop {
            if let Claim::Ours(claim) = history.ledger.claim_job(&job.key(), &holder).await? {
                claims.push(*claim);
                break;
            }
            if !std::mem::replace(&mut said, true) {
                crate::log::say(&format!("{job}: another run is at it, or ended without a word: waiting for it"));
            }
            if stop.run_until_cancelled(tokio::time::sleep(TAKEN)).await.is_none() {
                return Ok(None);
            }
        }
    }
    Ok(Some(claims))
}

async fn cut_and_move(
    history: &History,
    jobs: Vec<Job>,
    (window, most): (Window, u64),
    how: How,
    stop: &CancellationToken,
) -> anyhow::Result<bool> {
    let (mut todo, mut rows) = (Vec::new(), 0);
    for job in &jobs {
        if let Some(other) = history.ledger.open(job).await? {
            let other = serde_json::to_string(&other)?;
            bail!(
                "{} was begun as another job ({other}): choose another --name, or give what was given then",
                job.key()
            );
        }
        let Account { open, rest, done } = account(history, job, window).await?;
        let mut waiting: u64 = open.iter().map(|slice| slice.rows).sum();
        for window in &rest {
            let (bins, _) = counted(history, job, *window).await?;
            waiting += bins.iter().map(|bin| bin.rows).sum::<u64>();
        }
        crate::log::say(&format!("{job}: {waiting} rows to move, {done} moved before"));
        rows += waiting;
        todo.push(Todo { job: Arc::new(job.clone()), open, rest, most });
    }
    if how.queue {
        return to_queue(history, todo, stop).await;
    }
    let progress = Progress::new(rows);
    let failed = work_all(history, todo, &progress, stop).await?;
    for job in &jobs {
        for name in write_manifest(history, &job.key(), window).await? {
            crate::log::say(&format!("manifest: {name}"));
        }
    }
    if failed == 0 && !stop.is_cancelled() {
        count_again(history, &jobs, window).await?;
    }
    let (totals, took) = progress.finish();
    crate::log::say(&summary(totals, took));
    if stop.is_cancelled() {
        crate::log::say("stopped: the same command goes on from here");
    } else if failed > 0 {
        crate::log::say(&format!("{failed} slices failed (see the errors above): the same command tries them again"));
    }
    Ok(failed == 0 && !stop.is_cancelled())
}

/// Counts the whole range once more: what came to windows while or after they were moved is told, and left to `reconcile`, which can tell rows apart.
async fn count_again(history: &History, jobs: &[Job], window: Window) -> anyhow::Result<()> {
    for job in jobs {
        let there: u64 = counted(history, job, window).await?.0.iter().map(|bin| bin.rows).sum();
        let moved = account(history, job, window).await?.done;
        if there > moved {
            let late = there - moved;
            crate::log::say(&format!(
                "{job}: {late} rows came to the range since it was counted: `reconcile --repair` finds and sends them"
            ));
        }
    }
    Ok(())
}

/// A job and what is left of it.
struct Todo {
    job: Arc<Job>,
    /// Slices that were begun, as they were cut then.
    open: Vec<Slice>,
    /// What no slice was cut from.
    rest: Vec<Window>,
    /// Most rows of a slice.
    most: u64,
}

struct Account {
    open: Vec<Slice>,
    rest: Vec<Window>,
    /// Rows that are done.
    done: u64,
}

/// What is done of a window and what is not.
async fn account(history: &History, job: &Job, window: Window) -> anyhow::Result<Account> {
    let mut records = std::pin::pin!(history.ledger.records(&job.key()));
    let (mut known, mut open, mut done) = (Vec::new(), Vec::new(), 0);
    while let Some(record) = records.try_next().await? {
        window::add(&mut known, record.slice.window);
        if record.slice.window.and(window).is_empty() {
            continue;
        }
        match record.state {
            State::Done => done += record.rows + record.set_aside,
            _ => open.push(record.slice),
        }
    }
    Ok(Account { open, rest: window.without(&known), done })
}

/// The slices of all jobs, each with its job: what was begun before, then the rest, oldest first.
fn all_slices(history: &History, todo: Vec<Todo>) -> BoxStream<'static, Result<(Arc<Job>, Slice), AskError>> {
    let log_analytics = history.log_analytics.clone();
    let slices = futures::stream::iter(todo).flat_map(move |Todo { job, open, rest, most }| {
        let planned = plan::slices(log_analytics.clone(), job.clone(), rest, most);
        futures::stream::iter(open).map(Ok).chain(planned).map_ok(move |slice| (job.clone(), slice))
    });
    slices.boxed()
}

/// Works slices off, several at a time; gives how many failed. The first error that people must mend ends all.
async fn work_all(
    history: &History,
    todo: Vec<Todo>,
    progress: &Progress,
    stop: &CancellationToken,
) -> anyhow::Result<u64> {
    let at_once = todo.iter().map(|todo| todo.job.plan.at_once()).max().unwrap_or(1) + SENDING;
    let halt = stop.child_token();
    let (mut failed, mut mend) = (0, None);
    let mut slices = all_slices(history, todo);
    loop {
        let works = slices.take_until(halt.clone().cancelled_owned()).map(|slice| async {
            let (job, slice) = slice?;
            let worked = work(history, &job, slice, &halt).await;
            Ok::<_, AskError>((job, slice, worked))
        });
        let mut works = std::pin::pin!(works.buffer_unordered(at_once));
        let mut taken = Vec::new();
        while let Some(worked) = works.next().await {
            match worked {
                Ok((_, _, Ok(Worked::Done(record)))) => progress.done(&record),
                Ok((job, slice, Ok(Worked::Taken))) => taken.push(Ok((job, slice))),
                Ok((_, _, Ok(Worked::Before | Worked::Stopped))) => {}
                Ok((job, slice, Err(error))) => {
                    failed += 1;
                    tracing::error!(job = %job, slice = %slice.window, error = chain(&error), "a slice failed");
                    if error.is_configuration() {
                        halt.cancel();
                        mend.get_or_insert_with(|| anyhow::Error::new(error).context(job.to_string()));
                    }
                }
                Err(error) => {
                    halt.cancel();
                    mend.get_or_insert_with(|| anyhow::Error::new(error).context("plan the rest"));
                }
            }
        }
        if let Some(mend) = mend {
            return Err(mend);
        }
        if taken.is_empty() || halt.is_cancelled() {
            return Ok(failed);
        }
        // Somebody is at them, or was: what was left behind comes free when its claim has run out.
        tracing::info!(slices = taken.len(), "others are at these slices, or ended without a word: waiting for them");
        tokio::time::sleep(TAKEN).await;
        slices = futures::stream::iter(taken).boxed();
    }
}

async fn to_queue(history: &History, todo: Vec<Todo>, stop: &CancellationToken) -> anyhow::Result<bool> {
    history.queue.ensure().await?;
    let messages = all_slices(history, todo).take_until(stop.clone().cancelled_owned()).map(|slice| async {
        let (job, slice) = slice?;
        let message = SliceMessage { job: job.key(), slice };
        history.ledger.queued(&message.job, slice).await?;
        history.queue.send(&message.to_json()).await?;
        anyhow::Ok(slice.rows)
    });
    let sent: Vec<u64> = messages.buffered(SENDS).try_collect().await?;
    crate::log::say(&format!(
        "{} slices with {} rows are on the queue: `history status` shows what becomes of them",
        sent.len(),
        sent.iter().sum::<u64>()
    ));
    Ok(!stop.is_cancelled())
}

fn summary(totals: Totals, took: Duration) -> String {
    let Totals { slices, rows, bytes, set_aside, perhaps_twice } = totals;
    #[expect(clippy::cast_precision_loss, reason = "shown without digits")]
    let speed = rows as f64 / took.as_secs_f64().max(0.001);
    format!(
        "{rows} rows moved in {slices} slices ({:.1} MB, {}, {speed:.0} rows/s), {set_aside} set aside, at most {perhaps_twice} sent twice",
        megabytes(bytes),
        duration(took)
    )
}
