//! `cargo demo`: the main job from end to end on this machine. A writer appends rows to a storage emulator as data export does, a stand-in
//! for the Functions host starts the shipped program and hands it the events, and what arrives in Axiom is compared with what was written.

mod display;
mod sink;
mod watch;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use sentinel_axiom::azure::connect_blobs;
use sentinel_axiom::refused::RefusedRows;
use tokio_util::sync::CancellationToken;

use crate::azurite::{Account, Azurite, IDENTITY};
use crate::handler::{self, AppRoot, QUEUE, REFUSED};
use crate::host::{Host, HostOptions, Stats};
use crate::rows::table_names;
use crate::writer::{self, Defects, Writer, Written};
pub(crate) use display::print;
use display::{Display, table};
use sink::Sink;
use watch::{State, TableState, Watch};

/// Pause between two looks, and between two sweeps.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Looks at the lag in that pause.
const SAMPLES: u32 = 20;
/// The demo gives up when nothing at all has changed for so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long the real Axiom may take to show rows that it has acknowledged.
const VISIBLE: Duration = Duration::from_secs(30);

/// What the demo does.
#[derive(Debug, Clone, clap::Parser)]
#[command(about = "Runs sentinel-axiom on this machine, from export blobs to Axiom, and compares both sides")]
pub struct Options {
    /// Rows in all.
    #[arg(long, default_value_t = 200_000)]
    pub rows: u64,
    /// Tables; the first eight have shapes of their own, further ones are small custom tables.
    #[arg(long, default_value_t = 8)]
    pub tables: usize,
    /// Seconds over which the rows are written.
    #[arg(long, default_value_t = 12)]
    pub seconds: u64,
    /// Seed of everything that varies.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Share of rows that are no valid JSON and must be set aside, 0 to 1.
    #[arg(long, default_value_t = 0.0005)]
    pub bad_share: f64,
    /// One line every two seconds in place of a table that is redrawn.
    #[arg(long)]
    pub plain: bool,
}

/// Runs the demo. True when every row is accounted for.
///
/// # Errors
/// A part cannot be started or stops, or nothing moves any more.
pub async fn run(options: &Options, environment: Vec<(String, String)>) -> anyhow::Result<bool> {
    crate::install_tls();
    print("building sentinel-axiom ...\n");
    let binary = handler::build().await?;
    let app = AppRoot::lay_out(&binary)?;
    let azurite = Azurite::start().await.context("start the storage emulator")?;
    let account = azurite.account();
    let tables = table_names(options.tables);
    let sink = Sink::start(environment.into_iter(), &tables).await?;
    let real = sink.is_real();
    print(&format!(
        "{} rows in {} tables over {} s (seed {}) -> {}\n",
        options.rows,
        options.tables,
        options.seconds,
        options.seed,
        if real { "Axiom" } else { "a stand-in for Axiom" }
    ));
    let refused = RefusedRows::new(connect_blobs(&account.access(), IDENTITY)?, REFUSED);
    let settings = settings(&account, &sink);
    let mut watch = Watch::new(sink, connect_blobs(&account.access(), IDENTITY)?, refused);
    let started = Instant::now();
    let writer = Writer::start(writing(options, &account, &tables)).await?;
    let host = Arc::new(Host::start(HostOptions::new(app.path(), settings)).await.context("start the program")?);
    let sweeping = CancellationToken::new();
    let sweeps = tokio::spawn(sweep(Arc::clone(&host), sweeping.clone()));
    let mut display = Display::new(options.plain);
    let outcome = follow(writer, &mut watch, &tables, &mut display, &host).await;
    display.end();
    sweeping.cancel();
    sweeps.await?;
    let errors: Vec<String> = host.output().into_iter().map(|line| line.text).filter(|text| is_trouble(text)).collect();
    let stats = match Arc::into_inner(host) {
        Some(host) => host.stop().await,
        None => bail!("the sweep still holds the host"),
    };
    let complete = outcome.map(|state| summary(&state, &stats, started.elapsed(), real));
    if !matches!(complete, Ok(true)) {
        errors.iter().rev().take(10).rev().for_each(|line| print(&format!("{line}\n")));
    }
    complete
}

/// The program's settings: everything as deployed, but for the short times.
fn settings(account: &Account, sink: &Sink) -> Vec<(String, String)> {
    // The timer goes beside the sweeps that are fired by hand.
    let own = [("SETTLE_AFTER", "3"), ("SWEEP_SCHEDULE", "0 * * * * *")];
    let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
    handler::settings(account, own.into_iter().chain(sink.settings()))
}

fn writing(options: &Options, account: &Account, tables: &[String]) -> writer::Options {
    writer::Options {
        queue: Some((account.access(), QUEUE.to_owned())),
        seed: options.seed,
        tables: tables.to_vec(),
        rows: options.rows,
        duration: Duration::from_secs(options.seconds),
        defects: Defects { bad: options.bad_share, crlf: 0.1, blank: 0.001, cut: 0.3 },
        ..writer::Options::new(account.access())
    }
}

/// Fires the sweep again and again, as the timer does in long.
async fn sweep(host: Arc<Host>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        // A failed sweep shows in the summary, and the next one comes soon.
        host.fire("function-sweep").await.ok();
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

/// Shows what happens until all is written, arrived and deleted.
async fn follow(
    writer: Writer,
    watch: &mut Watch,
    tables: &[String],
    display: &mut Display,
    host: &Host,
) -> anyhow::Result<State> {
    let mut progress = (Vec::new(), Instant::now());
    let mut writer = Some(writer);
    let mut written = Written::default();
    let mut all_gone = None;
    loop {
        match writer.take_if(|writer| writer.is_finished()) {
            Some(finished) => written = finished.finish().await?,
            None => written = writer.as_ref().map_or(written, Writer::snapshot),
        }
        let state = watch.look(&written, tables).await?;
        display.show(&state);
        if writer.is_none() && state.values().all(|entry| entry.blobs_left == 0) {
            // The real Axiom shows rows a little after it has acknowledged them.
            let since = *all_gone.get_or_insert_with(Instant::now);
            if !watch.sink.is_real() || since.elapsed() > VISIBLE || state.values().all(TableState::is_complete) {
                return Ok(state);
            }
        }
        if let Some(reason) = host.stats().ended {
            bail!("the program was given up: {reason}");
        }
        let moved: Vec<_> = state
            .values()
            .map(|entry| (entry.written.blocks, entry.arrived.rows, entry.refused.len(), entry.blobs_left))
            .collect();
        if moved != progress.0 {
            progress = (moved, Instant::now());
        } else if progress.1.elapsed() > PATIENCE {
            bail!("nothing has moved for {} s", PATIENCE.as_secs());
        }
        for _ in 0..SAMPLES {
            tokio::time::sleep(LOOK_EVERY / SAMPLES).await;
            watch.sample(&writer.as_ref().map_or_else(|| written.clone(), Writer::snapshot));
        }
    }
}

/// Lines of the program's log that tell of trouble.
fn is_trouble(line: &str) -> bool {
    ["ERROR", "WARN", "panicked"].iter().any(|word| line.contains(word))
}

/// Says how it went. True when every row is accounted for and the program broke no rule of the host.
fn summary(state: &State, stats: &Stats, elapsed: Duration, real: bool) -> bool {
    print(&format!("\n{}\n", table(state)));
    let incomplete: Vec<&String> =
        state.iter().filter(|(_, entry)| !entry.is_complete()).map(|(name, _)| name).collect();
    let repeated: u64 = state.values().map(|entry| entry.arrived.repeated).sum();
    let recreated: u64 = state.values().map(|entry| entry.written.recreated).sum();
    let late: u64 = state.values().map(|entry| entry.written.late_blocks).sum();
    print(&format!(
        "{:.1} s; {} invocations, {} failed, {} crashes, {} messages given up; {late} appends of late rows, {recreated} blobs made anew after \
         their deletion; {repeated} rows arrived twice\n",
        elapsed.as_secs_f64(),
        stats.invocations,
        stats.failed,
        stats.crashes,
        stats.poisoned
    ));
    for violation in &stats.violations {
        print(&format!("rule of the host broken: {violation}\n"));
    }
    let compared = if real { "row counts (Axiom gives no hashes)" } else { "row hashes" };
    if incomplete.is_empty() {
        print(&format!(
            "complete: {compared} and rows set aside agree with what was written in all {} tables\n",
            state.len()
        ));
    } else {
        print(&format!("INCOMPLETE: {compared} or rows set aside differ in {incomplete:?}\n"));
    }
    incomplete.is_empty() && stats.violations.is_empty()
}
