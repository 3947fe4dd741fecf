//! One run from its start to the accounting, and the sum of many.

use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::account;
use super::scenario::Scenario;
use super::world::World;
use crate::azurite::Account;
use crate::handler::AppRoot;
use crate::proxy::{Fault, Happened, Operation};

/// A run ends by then, whatever happens. The world of a run gives up before.
const LONGEST: Duration = Duration::from_secs(300);

/// What happened in one run or in many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Runs.
    pub runs: u64,
    /// Rows written.
    pub rows: u64,
    /// Handler processes that ended in the middle.
    pub crashes: u64,
    /// Requests that Axiom carried out without a good answer.
    pub unknown_to_axiom: u64,
    /// Requests that storage carried out without an answer.
    pub unknown_to_storage: u64,
    /// Requests that storage did not serve, as far as the program could tell; those without an answer among them.
    pub storage_faults: u64,
    /// Writes of marks among those.
    pub marks_not_stored: u64,
    /// Rows once too often.
    pub duplicates: u64,
    /// As many are excused: for each crash and each outcome that the program could not know, what can be in flight.
    pub bound: u64,
    /// Rows set aside.
    pub set_aside: u64,
    /// Rows that are nowhere.
    pub lost: u64,
    /// Runs in which something was not as it must be.
    pub failed: u64,
    /// The longest run, from the first row to the last deletion.
    pub longest: Duration,
}

/// One run.
#[derive(Debug)]
pub struct Run {
    /// Its part of the sum.
    pub totals: Totals,
    /// What must never be, in words; empty when all is well.
    pub complaints: Vec<String>,
}

impl Run {
    /// Plays a scenario in an account of its own. The faults and the program's log of a run with complaints are written to a file.
    ///
    /// # Errors
    /// The world cannot be started or looked at.
    pub async fn of(scenario: &Scenario, account: Account, app: &AppRoot) -> anyhow::Result<Self> {
        let world = World::start(scenario, account, app).await?;
        let started = Instant::now();
        let outcome = match tokio::time::timeout(LONGEST, world.play()).await {
            Ok(outcome) => outcome,
            Err(_) => Err(anyhow::anyhow!("it has no end, not even after {} s", LONGEST.as_secs())),
        };
        let longest = started.elapsed();
        let (written, found) = (world.written(), world.found().await?);
        let account = account::Account::of(&written, &found);
        let storage = world.proxy.happened();
        let count = |of: fn(&Fault) -> bool| storage.iter().filter(|happened| of(&happened.fault)).count() as u64;
        let mut totals = Totals {
            runs: 1,
            rows: written.good.values().chain(written.bad.values()).sum(),
            crashes: world.stats().map(|stats| stats.crashes).sum(),
            unknown_to_axiom: world.axiom.unknown_outcomes(),
            unknown_to_storage: count(Fault::is_unknown),
            storage_faults: count(Fault::is_failure),
            marks_not_stored: storage.iter().filter(|happened| is_about_marks(happened)).count() as u64,
            duplicates: account.duplicates,
            set_aside: account.set_aside,
            lost: account.lost.len() as u64,
            longest,
            ..Totals::default()
        };
        totals.bound = bound(scenario, &totals);
        let mut complaints = account.complaints(totals.bound);
        complaints.extend(outcome.err().map(|error| format!("{error:#}")));
        for stats in world.stats() {
            complaints.extend(stats.violations.iter().map(|violation| format!("rule of the host broken: {violation}")));
            complaints.extend((stats.error_lines > 0).then(|| "the program wrote to stderr".to_owned()));
        }
        if !complaints.is_empty() {
            totals.failed = 1;
            complaints.push(format!("its faults and log are in {}", keep(scenario, &world)?.display()));
        }
        Ok(Self { totals, complaints })
    }
}

fn is_about_marks(happened: &Happened) -> bool {
    happened.operation == Operation::SetMetadata && happened.fault.is_failure()
}

/// A crash repeats what its visits had in flight; an unknown outcome, what the visit in question had. Marks that could not be stored count like
/// one: what Axiom has taken is not known any more once the visit ends.
fn bound(scenario: &Scenario, totals: &Totals) -> u64 {
    let blobs = scenario.tables as u64 * u64::from(scenario.blobs) + scenario.block_blobs;
    let visits = totals.crashes * scenario.visits.min(blobs) + totals.unknown_to_axiom + totals.marks_not_stored;
    visits * scenario.uploads * scenario.batch_rows
}

/// Writes down what is needed to understand a run.
fn keep(scenario: &Scenario, world: &World<'_>) -> anyhow::Result<PathBuf> {
    let path = std::env::temp_dir().join(format!("faults-{}.log", scenario.seed));
    let mut text = format!("{scenario:#?}\n\n");
    for happened in world.proxy.happened() {
        text.push_str(&format!("{:?} {}: {:?}\n", happened.operation, happened.path, happened.fault));
    }
    for request in world.axiom.requests() {
        let offset =
            request.headers.iter().find(|(name, _)| name == "x-axiom-event-labels").map_or("", |(_, value)| value);
        text.push_str(&format!(
            "Axiom {} {}: {} rows, {} committed, {} {:?} {offset}\n",
            request.method, request.path, request.rows, request.committed, request.status, request.outcome
        ));
    }
    world.output().for_each(|line| {
        text.push_str(&line);
        text.push('\n');
    });
    std::fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
    Ok(path)
}

impl Totals {
    /// Adds another run.
    pub fn add(&mut self, other: Self) {
        self.runs += other.runs;
        self.rows += other.rows;
        self.crashes += other.crashes;
        self.unknown_to_axiom += other.unknown_to_axiom;
        self.unknown_to_storage += other.unknown_to_storage;
        self.storage_faults += other.storage_faults;
        self.marks_not_stored += other.marks_not_stored;
        self.duplicates += other.duplicates;
        self.bound += other.bound;
        self.set_aside += other.set_aside;
        self.lost += other.lost;
        self.failed += other.failed;
        self.longest = self.longest.max(other.longest);
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { runs, rows, crashes, unknown_to_axiom, unknown_to_storage, storage_faults, .. } = self;
        let Self { marks_not_stored, .. } = self;
        let Self { duplicates, bound, set_aside, lost, failed, longest, .. } = self;
        write!(
            f,
            "{runs} runs, {rows} rows: {crashes} crashes, {unknown_to_axiom} outcomes unknown at Axiom and {unknown_to_storage} at storage, \
             {storage_faults} storage faults ({marks_not_stored} of them kept marks from being stored); {duplicates} rows twice ({bound} excused), {set_aside} set aside, {lost} lost; {failed} runs failed, the longest took {:.1} s",
            longest.as_secs_f64()
        )
    }
}
