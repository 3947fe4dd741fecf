//! `history estimate`, `history run` and `history status`.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use futures::stream::{BoxStream, StreamExt as _, TryStreamExt as _};
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::cli::{Destination, What};
use crate::history::estimate::{Day, Estimate};
use crate::history::job::{Job, Target};
use crate::history::ledger::{Record, State};
use crate::history::plan;
use crate::history::progress::{Progress, Totals, duration};
use crate::history::slice::Slice;
use crate::history::work::{Worked, work};
use crate::history::{History, manifest};
use crate::loganalytics::AskError;
use crate::loganalytics::kql::day;
use crate::loganalytics::window::{Window, join};
use crate::report::chain;
use crate::wake::SliceMessage;

/// Slices at work beside those that may be asked for at once: while rows are on their way to Axiom, nobody asks.
const SENDING: usize = 3;

/// Pause before slices that somebody else is at are looked at again.
const TAKEN: Duration = Duration::from_secs(1);

/// Sends to the queue at the same time.
const SENDS: usize = 16;

/// Writes what moving would take, by table and day.
///
/// # Errors
/// The workspace does not answer.
pub async fn estimate(
    history: &History,
    app: &App,
    what: &What,
    json: bool,
    out: &mut (dyn Write + Send),
) -> anyhow::Result<()> {
    let (mut days, mut total, mut tables) = (Vec::new(), Estimate::default(), Vec::new());
    for job in jobs(history, app, what, (Destination::Axiom, false)).await? {
        let (bins, calls) = counted(history, &job, what.window()?).await?;
        days.extend(bins.iter().map(|bin| Day {
            table: job.name.clone(),
            day: day(bin.from),
            rows: bin.rows,
            bytes: bin.bytes,
        }));
        let estimate = Estimate::of(&bins, calls, job.plan, what.slice_rows);
        tables.push((job.name.clone(), estimate));
        total = total.with(estimate);
    }
    if json {
        let tables: serde_json::Map<_, _> =
            tables.into_iter().map(|(name, estimate)| (name, serde_json::json!(estimate))).collect();
        writeln!(out, "{}", serde_json::json!({ "days": days, "tables": tables, "total": total }))?;
        return Ok(());
    }
    writeln!(out, "{:<30} {:<10} {:>14} {:>12}", "table", "day", "rows", "MB")?;
    for Day { table, day, rows, bytes } in &days {
        writeln!(out, "{table:<30} {day:<10} {rows:>14} {:>12.1}", megabytes(*bytes))?;
    }
    writeln!(out, "\n{:<30} {:>14} {:>12} {:>8} {:>12} {:>10}", "table", "rows", "MB", "calls", "time", "US$ Azure")?;
    tables.push(("all".to_owned(), total));
    for (name, estimate) in &tables {
        let Estimate { rows, bytes, calls, seconds, dollars, .. } = *estimate;
        let time = duration(Duration::try_from_secs_f64(seconds).unwrap_or_default());
        writeln!(out, "{name:<30} {rows:>14} {:>12.1} {calls:>8} {time:>12} {dollars:>10.2}", megabytes(bytes))?;
    }
    let arrives = total.json_bytes / 1e9;
    writeln!(out, "\nAbout {arrives:.2} GB of JSON would arrive; Axiom bills them by its plan. Nothing was moved.")?;
    Ok(())
}

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
    if matches!(how.to, Destination::Storage) && history.archive.is_none() {
        bail!("write to storage: set HISTORY_STORAGE to an account of its own, and LOG_ANALYTICS_RESOURCE_ID");
    }
    let window = what.window()?;
    let (mut todo, mut rows) = (Vec::new(), 0);
    for job in jobs(history, app, what, (how.to, how.zstd)).await? {
        if let Some(other) = history.ledger.open(&job).await? {
            bail!(
                "{} was begun as another job ({}): choose another --name, or give what was given then",
                job.key(),
                serde_json::to_string(&other)?
            );
        }
        let Account { open, rest, done } = account(history, &job, window).await?;
        let mut waiting: u64 = open.iter().map(|slice| slice.rows).sum();
        for window in &rest {
            let (bins, _) = counted(history, &job, *window).await?;
            waiting += bins.iter().map(|bin| bin.rows).sum::<u64>();
        }
        crate::log::say(&format!("{job}: {waiting} rows to move, {done} moved before"));
        rows += waiting;
        todo.push(Todo { job: Arc::new(job), open, rest, most: what.slice_rows });
    }
    if how.queue {
        return to_queue(history, todo, stop).await;
    }
    let keys: Vec<String> = todo.iter().map(|todo| todo.job.key()).collect();
    let progress = Progress::new(rows);
    let failed = work_all(history, todo, &progress, stop).await?;
    for key in &keys {
        for name in write_manifest(history, key, window).await? {
            crate::log::say(&format!("manifest: {name}"));
        }
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
        known = join(known.into_iter().chain([record.slice.window]));
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

/// Writes what became of all slices.
///
/// # Errors
/// The account cannot be read.
pub async fn status(
    history: &History,
    json: bool,
    manifests: bool,
    out: &mut (dyn Write + Send),
) -> anyhow::Result<()> {
    let keys = history.ledger.jobs().await?;
    if keys.is_empty() && !json {
        writeln!(out, "nothing was begun")?;
    }
    for key in &keys {
        let mut status = Status::default();
        let mut records = std::pin::pin!(history.ledger.records(key));
        while let Some(record) = records.try_next().await? {
            status.add(&record);
        }
        if json {
            writeln!(out, "{}", status.to_json(key))?;
        } else {
            status.write(key, out)?;
        }
        if manifests && let Some(window) = status.covered {
            for name in write_manifest(history, key, window).await? {
                writeln!(out, "  manifest: {name}")?;
            }
        }
    }
    Ok(())
}

/// The manifest goes where the rows go, or, for a dataset, to the account of what is done.
async fn write_manifest(history: &History, key: &str, window: Window) -> anyhow::Result<Vec<String>> {
    let place = match &history.archive {
        Some(archive) if key.starts_with("storage/") => (archive.blobs(), history.ledger.container()),
        _ => (history.ledger.blobs(), history.ledger.container()),
    };
    Ok(manifest::write(&history.ledger, key, window, place).await?)
}

/// What became of the slices of a job.
#[derive(Debug, Default)]
struct Status {
    done: u64,
    running: u64,
    left_behind: u64,
    failed: Vec<(Window, String)>,
    totals: Totals,
    covered: Option<Window>,
}

impl Status {
    fn add(&mut self, record: &Record) {
        match record.state {
            State::Done => self.done += 1,
            State::Failed => self.failed.push((record.slice.window, record.reason.clone())),
            State::Reading | State::Sending if record.is_alive(time::OffsetDateTime::now_utc()) => self.running += 1,
            State::Reading | State::Sending => self.left_behind += 1,
        }
        self.totals.slices += 1;
        self.totals.rows += record.rows;
        self.totals.bytes += record.bytes;
        self.totals.set_aside += record.set_aside;
        self.totals.perhaps_twice += record.perhaps_twice;
        let window = record.slice.window;
        self.covered =
            Some(self.covered.map_or(window, |covered| Window {
                from: covered.from.min(window.from),
                to: covered.to.max(window.to),
            }));
    }

    fn write(&self, key: &str, out: &mut (dyn Write + Send)) -> std::io::Result<()> {
        let Self { done, running, left_behind, failed, totals, .. } = self;
        writeln!(
            out,
            "{key}: {done} slices done, {running} running, {left_behind} left behind, {} failed; {} rows moved ({:.1} MB), {} set aside, at most {} \
             twice",
            failed.len(),
            totals.rows,
            megabytes(totals.bytes),
            totals.set_aside,
            totals.perhaps_twice
        )?;
        failed.iter().try_for_each(|(window, reason)| writeln!(out, "  failed: {window}: {reason}"))
    }

    fn to_json(&self, key: &str) -> serde_json::Value {
        let failed: Vec<_> = self
            .failed
            .iter()
            .map(|(window, reason)| serde_json::json!({ "window": window, "reason": reason }))
            .collect();
        serde_json::json!({
            "job": key, "done": self.done, "running": self.running, "left_behind": self.left_behind, "failed": failed,
            "rows": self.totals.rows, "bytes": self.totals.bytes, "set_aside": self.totals.set_aside, "perhaps_twice": self.totals.perhaps_twice,
        })
    }
}

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

#[expect(clippy::cast_precision_loss, reason = "shown with one digit")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
