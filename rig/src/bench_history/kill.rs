//! `cargo bench-history kill`: a run is killed again and again, wherever it is just then, and every row is accounted for.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use fastrand::Rng;
use sentinel_axiom::history::ledger::State;
use tokio::time::{Instant, sleep};

use super::draw::{Life, Progress, When, draw};
use super::hits::{Hits, Look, slice_of};
use super::rows::{Shape, Spread};
use super::stage::{Stage, Status};
use super::{float, megabytes};
use crate::axiom::{self, Inspect, Totals};
use crate::azurite::Azurite;
use crate::demo::print;
use crate::loganalytics;

/// What is killed.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Rows of all tables together.
    #[arg(long, default_value_t = 1_000_000)]
    pub rows: usize,
    /// Tables.
    #[arg(long, default_value_t = 1)]
    pub tables: usize,
    /// Kills.
    #[arg(long, default_value_t = 100)]
    pub kills: u32,
    /// Seed of the rows and of the kills. Drawn when it is not given.
    #[arg(long)]
    pub seed: Option<u64>,
    /// About so many bytes has a row.
    #[arg(long, default_value_t = 280)]
    pub row_bytes: usize,
    /// Days that the rows are spread over.
    #[arg(long, default_value_t = 28, value_parser = clap::value_parser!(u32).range(1..))]
    pub days: u32,
    /// Milliseconds that every query takes.
    #[arg(long, default_value_t = 150)]
    pub latency: u64,
    /// Bytes of rows in a second that a query gives.
    #[arg(long, default_value_t = 3_000_000)]
    pub bytes_per_second: u64,
    /// Rows that a slice holds at most, as `history run --slice-rows` takes it.
    #[arg(long, default_value_t = 50_000)]
    pub slice_rows: u64,
    /// Rows that one reply holds at most: fewer than the service's own, and slices come in pieces.
    #[arg(long, default_value_t = 500_000)]
    pub reply_rows: usize,
}

/// How long a claim holds: the least that the program takes.
const CLAIM_FOR: Duration = Duration::from_secs(5);

/// Claims are judged by times of whole seconds.
const SECOND: Duration = Duration::from_secs(1);

/// Pause between two looks at how far a run is.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// What the killed process had sent off arrives by then.
const SETTLE: Duration = Duration::from_millis(100);

/// Requests that the stand-ins remember: more than one life has.
const RECORDS: usize = 4000;

/// Kills between two printed lines.
const TELL_EVERY: u32 = 10;

/// How a life ended.
enum End {
    Killed,
    /// By itself: all is done.
    Done,
}

/// Where a life began.
struct Begin {
    at: Instant,
    arrived: Totals,
}

/// Kills, lets the run end, and accounts. Gives what is not as it should be.
///
/// # Errors
/// A part cannot be started, or a run ends with an error by itself.
pub(super) async fn run(options: &Options, program: &Path, azurite: &Azurite) -> anyhow::Result<Vec<String>> {
    let seed = options.seed.unwrap_or_else(|| u64::from(fastrand::u32(..)));
    let stage = set_up(options, seed, program, azurite).await?;
    print(&format!(
        "{} rows ({:.1} MB) in {} tables over {} days, {} kills, seed {seed}\n",
        stage.rows(),
        megabytes(stage.bytes()),
        options.tables,
        options.days,
        options.kills
    ));
    let began = Instant::now();
    let mut hits = Hits::default();
    let mut complaints = kills(options, &stage, &mut hits, Rng::with_seed(seed)).await?;
    let killed = began.elapsed();
    stage.finish(stage.start_run()?).await.context("the run after the last kill")?;
    let last = last_line(&stage);
    let arrived = stage.arrived();
    stage.finish(stage.start_run()?).await.context("the run after all is done")?;
    if stage.arrived() != arrived {
        complaints.push("a run after the last one sent rows once more".to_owned());
    }
    hits.end(&stage.records().await?, &stage.expected, options.slice_rows);
    let status = stage.status().await?;
    let account = Account { arrived, status, rows: stage.rows() };
    complaints.extend(account.complaints(&stage, &hits));
    complaints.append(&mut hits.complaints);
    print(&format!("the last run said: {last}\n"));
    print(&account.text(&hits, killed, began.elapsed()));
    if complaints.is_empty() {
        print("every row arrived, with the content of the source, and each that came twice was told\n");
    }
    Ok(complaints)
}

async fn set_up(options: &Options, seed: u64, program: &Path, azurite: &Azurite) -> anyhow::Result<Stage> {
    let shape = Shape {
        rows: options.rows / options.tables.max(1),
        row_bytes: options.row_bytes,
        days: options.days,
        spread: Spread::Bursts,
        seed,
    };
    let axiom = axiom::Options { inspect: Inspect::Rows, records: RECORDS, ..axiom::Options::default() };
    let workspace = loganalytics::Options {
        latency: Duration::from_millis(options.latency),
        bytes_per_second: options.bytes_per_second,
        rows_max: options.reply_rows,
        // A process that is started again and again does not know how often the one before it asked. That is not what is looked at here.
        rate: usize::MAX,
        records: RECORDS,
        ..loganalytics::Options::default()
    };
    let mut stage = Stage::start(program, azurite, (axiom, workspace), (shape, options.tables)).await?;
    stage.settings.push(("CLAIM_FOR".to_owned(), CLAIM_FOR.as_secs().to_string()));
    stage.arguments = vec!["--slice-rows".to_owned(), options.slice_rows.to_string()];
    Ok(stage)
}

/// Kills as often as wanted. Gives a complaint where the run ended before that.
async fn kills(options: &Options, stage: &Stage, hits: &mut Hits, mut random: Rng) -> anyhow::Result<Vec<String>> {
    let mut done = 0;
    let slice = options.slice_rows.min(stage.rows() / options.tables.max(1) as u64).max(2);
    for kill in 1..=options.kills {
        let share = float(done) / float(stage.rows().max(1));
        let killed = f64::from(kill - 1) / f64::from(options.kills);
        let Life { at_once, until } = draw(&mut random, Progress { done: share, killed, slice });
        if !at_once && kill > 1 {
            sleep(CLAIM_FOR + SECOND).await;
        }
        let begin = Begin { at: Instant::now(), arrived: stage.arrived() };
        if matches!(stage.watched(live(stage, until, &begin)).await?, End::Done) {
            let text = format!("the run ended after {} kills: slow the workspace down (--latency)", kill - 1);
            return Ok(vec![text]);
        }
        sleep(SETTLE).await;
        let records = stage.records().await?;
        hits.add(&Look { records: &records, arrived: &arrived_since(stage, &begin), expected: &stage.expected });
        done = records.iter().filter(|(_, record)| record.state == State::Done).map(|(_, record)| record.rows).sum();
        if kill % TELL_EVERY == 0 {
            let arrived = stage.arrived();
            print(&format!(
                "kill {kill}: {done} rows done, {} arrived, {} of them once more; {} slices\n",
                arrived.content.rows,
                arrived.duplicated,
                records.len()
            ));
        }
    }
    Ok(Vec::new())
}

/// One process from its start to its kill.
async fn live(stage: &Stage, until: When, begin: &Begin) -> anyhow::Result<End> {
    let mut run = stage.start_run()?;
    let mut requests = 0;
    loop {
        if !run.look()? {
            let (status, _) = run.end().await?;
            stage.check(status)?;
            return Ok(End::Done);
        }
        let is_due = match until {
            When::Rows(rows) => stage.arrived().content.rows >= begin.arrived.content.rows + rows,
            When::Queries(queries) => queries_since(stage, begin) >= queries,
            When::After(time) => begin.at.elapsed() >= time,
            When::Complete { slices, .. } => {
                let now = stage.arrived().requests;
                now != std::mem::replace(&mut requests, now) && complete_since(stage, begin) >= slices
            }
        };
        if is_due {
            break;
        }
        sleep(LOOK_EVERY).await;
    }
    if let When::Complete { later, .. } = until {
        sleep(later).await;
    }
    match run.kill().await? {
        true => Ok(End::Killed),
        false if stage.said().contains("at most") => Ok(End::Done),
        false => bail!("the program ended by itself and said\n{}", stage.said()),
    }
}

fn queries_since(stage: &Stage, begin: &Begin) -> usize {
    stage.workspace.requests().iter().filter(|request| request.began >= begin.at).count()
}

/// Rows that arrived in this life, by slice.
fn arrived_since(stage: &Stage, begin: &Begin) -> BTreeMap<String, u64> {
    let new = usize::try_from(stage.arrived().requests - begin.arrived.requests).expect("requests fit memory");
    let mut rows = BTreeMap::new();
    for request in stage.axiom.requests().iter().rev().filter(|request| request.committed > 0).take(new) {
        let labels = request.headers.iter().find(|(name, _)| name == "x-axiom-event-labels");
        let labels: serde_json::Value =
            labels.and_then(|(_, labels)| serde_json::from_str(labels).ok()).unwrap_or_default();
        if let Some(blob) = labels["source_blob"].as_str() {
            *rows.entry(blob.to_owned()).or_default() += request.committed;
        }
    }
    rows
}

/// Slices of which all rows arrived in this life.
fn complete_since(stage: &Stage, begin: &Begin) -> usize {
    let is_complete = |(source, arrived): &(&String, &u64)| {
        let slice = slice_of(source).and_then(|(table, window)| Some(stage.expected.get(table)?.rows_in(window)));
        slice.is_some_and(|rows| **arrived >= rows)
    };
    arrived_since(stage, begin).iter().filter(is_complete).count()
}

fn last_line(stage: &Stage) -> String {
    stage.said().lines().rfind(|line| line.contains("sent twice")).unwrap_or_default().to_owned()
}

/// Both sides, at the end.
struct Account {
    arrived: Totals,
    status: Vec<Status>,
    rows: u64,
}

impl Account {
    fn perhaps_twice(&self) -> u64 {
        self.status.iter().map(|status| status.perhaps_twice).sum()
    }

    /// What is not as it should be.
    fn complaints(&self, stage: &Stage, hits: &Hits) -> Vec<String> {
        let mut complaints = Vec::new();
        for (table, expected) in &stage.expected {
            let distinct = stage.axiom.totals(table).distinct;
            if distinct.rows < expected.content.rows {
                complaints.push(format!("{table}: {} rows are LOST", expected.content.rows - distinct.rows));
            } else if distinct != expected.content {
                let (rows, wanted) = (distinct.rows, expected.content.rows);
                complaints.push(format!("{table}: {rows} different rows arrived, not the {wanted} of the source"));
            }
        }
        let (twice, told) = (self.arrived.duplicated, self.perhaps_twice());
        if twice > told {
            complaints.push(format!("{twice} rows came once more, and only {told} are told"));
        }
        if told > hits.rows {
            complaints
                .push(format!("{told} rows are told to be there twice, perhaps; only {} were on their way", hits.rows));
        }
        let (moved, jobs) = (self.status.iter().map(|status| status.rows).sum::<u64>(), self.status.len());
        if moved != self.rows || jobs != stage.expected.len() {
            complaints.push(format!("the account tells of {moved} rows in {jobs} jobs"));
        }
        for status in &self.status {
            let Status { job, running, left_behind, failed, set_aside, .. } = status;
            if running + left_behind + set_aside > 0 || !failed.is_empty() {
                complaints.push(format!("{job}: {running} running, {left_behind} left behind, {set_aside} rows set aside, failed: {failed:?}"));
            }
        }
        complaints
    }

    fn text(&self, hits: &Hits, killed: Duration, took: Duration) -> String {
        let Hits { kills, planning, reading, sending, committing, most_slices, most_rows, rows, largest, .. } = hits;
        let Totals { content, distinct, duplicated, requests, .. } = &self.arrived;
        let slices: u64 = self.status.iter().map(|status| status.done).sum();
        format!(
            "{kills} kills in {:.0} s, all done after {:.0} s\n\
             kills that hit: planning {planning}, slices that were read {reading}, sent {sending}, sent whole and not written down {committing}\n\
             in hand at a kill: at most {most_slices} slices; on their way: at most {most_rows} rows, {rows} at all kills together\n\
             {slices} slices, the largest of {largest} rows\n\
             rows of the source: {}; arrived: {} in {requests} requests; different ones: {}\n\
             arrived once more: {duplicated}; the program's own count, at most: {}\n",
            killed.as_secs_f64(),
            took.as_secs_f64(),
            self.rows,
            content.rows,
            distinct.rows,
            self.perhaps_twice(),
        )
    }
}
