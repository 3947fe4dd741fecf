//! `cargo soak`: the whole program under a steady load. A writer appends to many tables as Log Analytics does, in five minutes that are scaled down, so
//! that blobs are deleted and made anew all the time; the program's memory and the lag of the rows are watched, and at the end every row is
//! accounted for by hash.

mod samples;

use std::convert::Infallible;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use futures::TryStreamExt as _;
use sentinel_axiom::azure::{Blobs, connect_blobs};

use crate::axiom::{self, Axiom, Inspect};
use crate::azurite::{Account, Azurite, IDENTITY};
use crate::demo::print;
use crate::handler::{self, AppRoot, QUEUE};
use crate::host::{Host, HostOptions};
use crate::lag::Lag;
use crate::rows::table_names;
use crate::writer::{self, Defects, Writer, Written};
use samples::{Sample, judge, memory_of, percentile};

/// Pause between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Pause between two printed lines.
const TELL_EVERY: Duration = Duration::from_secs(10);
/// Pause between two sweeps: a minute, scaled down.
const SWEEP_EVERY: Duration = Duration::from_secs(4);
/// What five minutes of the export are scaled down to.
const FIVE_MINUTES: Duration = Duration::from_secs(20);
/// What is left after the last append must be delivered and deleted by then.
const PATIENCE: Duration = Duration::from_secs(180);

/// What is run.
#[derive(Debug, Clone, clap::Parser)]
#[command(about = "Runs sentinel-axiom under a steady load and watches its memory and its lag")]
pub struct Options {
    /// Minutes of appends.
    #[arg(long, default_value_t = 20.0)]
    pub minutes: f64,
    /// Tables.
    #[arg(long, default_value_t = 20)]
    pub tables: usize,
    /// Rows in a second, of all tables together.
    #[arg(long, default_value_t = 2500)]
    pub rows_per_second: u64,
    /// Seed of the rows.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// A package that is laid out already, such as `target/app` of `cargo package-app`: the program as it is shipped. Else it is built.
    #[arg(long)]
    pub app: Option<PathBuf>,
}

/// Runs the soak and prints what happens. True when the program stayed as it was and every row arrived once.
///
/// # Errors
/// A part cannot be started or stops.
pub async fn run(options: &Options) -> anyhow::Result<bool> {
    crate::install_tls();
    let built = match &options.app {
        Some(_) => None,
        None => {
            print("building sentinel-axiom ...\n");
            Some(AppRoot::lay_out(&handler::build().await?)?)
        }
    };
    let app = options.app.as_deref().or(built.as_ref().map(AppRoot::path)).context("one of the two is there")?;
    let azurite = Azurite::start().await.context("start the storage emulator")?;
    let account = azurite.account();
    let axiom = axiom::Options { inspect: Inspect::Rows, track_rows: false, records: 100, ..axiom::Options::default() };
    let axiom = Axiom::start(axiom).await?;
    let writer = Writer::start(writing(options, &account)).await?;
    let host = HostOptions::new(app, settings(&account, &axiom));
    let host = Host::start(host).await.context("start the program")?;
    let watch = Watch { options, axiom: &axiom, host: &host, blobs: connect_blobs(&account.access(), IDENTITY)? };
    tokio::select! {
        outcome = watch.follow(writer) => outcome,
        never = sweep(&host) => match never {},
    }
}

fn writing(options: &Options, account: &Account) -> writer::Options {
    let duration = Duration::from_secs_f64(options.minutes * 60.0);
    writer::Options {
        queue: Some((account.access(), QUEUE.to_owned())),
        seed: options.seed,
        tables: table_names(options.tables),
        rows: options.rows_per_second * duration.as_secs(),
        duration,
        simulated: Duration::from_secs(300).mul_f64(duration.as_secs_f64() / FIVE_MINUTES.as_secs_f64()),
        block_bytes: 1 << 20,
        defects: Defects { crlf: 0.1, blank: 0.001, cut: 0.2, ..Defects::default() },
        ..writer::Options::new(account.access())
    }
}

/// As deployed, but for the times that are scaled down, and for the heap: the shipped binary is linked to musl and has one, while the glibc of a build
/// for tests has one for each thread. Those grow apart (to three times the size in ten minutes), which would hide a leak.
fn settings(account: &Account, axiom: &Axiom) -> Vec<(String, String)> {
    let own = [("SETTLE_AFTER".to_owned(), "10".to_owned())];
    handler::settings(account, axiom.settings().into_iter().chain(own))
}

async fn sweep(host: &Host) -> Infallible {
    loop {
        // One that fails is followed by the next.
        host.fire("function-sweep").await.ok();
        tokio::time::sleep(SWEEP_EVERY).await;
    }
}

struct Watch<'a> {
    options: &'a Options,
    axiom: &'a Axiom,
    host: &'a Host,
    blobs: Blobs,
}

impl Watch<'_> {
    async fn follow(&self, writer: Writer) -> anyhow::Result<bool> {
        let (started, pid) = (Instant::now(), self.host.ready().await?);
        let end = Duration::from_secs_f64(self.options.minutes * 60.0);
        let (mut lag, mut done, mut samples) = (Lag::default(), Vec::new(), Vec::new());
        let mut told = (Duration::ZERO, 0);
        while !writer.is_finished() && started.elapsed() < end {
            tokio::time::sleep(LOOK_EVERY).await;
            let (at, written) = (started.elapsed(), writer.snapshot());
            let (resident, highest) = memory_of(pid)?;
            let now = self.lag(&mut lag, &written);
            samples.push(Sample { at, resident, lag: now });
            done.extend(lag.take_done());
            if at >= told.0 + TELL_EVERY {
                let speed = megabytes(written.bytes() - told.1) / (at - told.0).as_secs_f64();
                print(&format!(
                    "{:>5.0} s: {} rows written, {} arrived, {speed:.1} MB/s; oldest row waits {:.1} s; memory {:.1} MiB, at most {:.1}\n",
                    at.as_secs_f64(),
                    written.rows(),
                    self.arrived(),
                    now.as_secs_f64(),
                    samples::mebibytes(resident),
                    samples::mebibytes(highest)
                ));
                told = (at, written.bytes());
            }
        }
        let written = writer.stop().await?;
        let took = started.elapsed();
        let verdict = judge(&samples, SWEEP_EVERY);
        self.drain().await?;
        done.sort();
        let rows = written.rows();
        print(&format!(
            "\n{rows} rows in {:.0} s, {:.1} MB/s; lag p50 {:.1?}, p99 {:.1?}, max {:.1?}\n{verdict}\n",
            took.as_secs_f64(),
            megabytes(written.bytes()) / took.as_secs_f64(),
            percentile(&done, 50),
            percentile(&done, 99),
            percentile(&done, 100)
        ));
        let mut complaints = verdict.complaints;
        complaints.extend(self.differences(&written, pid).await?);
        complaints.iter().for_each(|complaint| print(&format!("NOT AS IT SHOULD BE: {complaint}\n")));
        if complaints.is_empty() {
            print("every row arrived once: the hashes of all tables agree\n");
        }
        Ok(complaints.is_empty())
    }

    fn lag(&self, lag: &mut Lag, written: &Written) -> Duration {
        let now = Instant::now();
        let of = |(table, written): (&String, &writer::TableWritten)| {
            lag.look(table, written.good.rows, self.axiom.totals(table).content.rows, now)
        };
        written.tables.iter().map(of).max().unwrap_or_default()
    }

    fn arrived(&self) -> u64 {
        self.axiom.datasets().iter().map(|dataset| self.axiom.totals(dataset).content.rows).sum()
    }

    /// Waits until no blob is left.
    async fn drain(&self) -> anyhow::Result<()> {
        let started = Instant::now();
        loop {
            let containers: Vec<String> = self.blobs.containers("am-").try_collect().await?;
            let mut left = 0;
            for container in containers {
                left += self.blobs.list(&container, "").try_fold(0, async |count, _| Ok(count + 1)).await?;
            }
            if left == 0 {
                return Ok(());
            }
            if started.elapsed() > PATIENCE {
                bail!("{left} blobs are left {} s after the last append", PATIENCE.as_secs());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Tables whose rows differ from what was written, and rules of the host that the program broke.
    async fn differences(&self, written: &Written, pid: u32) -> anyhow::Result<Vec<String>> {
        let mut differences = Vec::new();
        for (table, written) in &written.tables {
            let arrived = self.axiom.totals(table).content;
            if arrived != written.good {
                let (arrived, written) = (arrived.rows, written.good.rows);
                differences.push(format!("{table}: {written} rows were written and {arrived} arrived, or other ones"));
            }
        }
        let stats = self.host.stats();
        differences.extend(stats.violations.iter().map(|violation| format!("rule of the host broken: {violation}")));
        if self.host.ready().await? != pid {
            differences.push("the program ended and was started again".to_owned());
        }
        Ok(differences)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a speed needs no more than 52 bits")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
