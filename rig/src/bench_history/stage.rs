//! What the program needs around it: an account of the emulator, a workspace with tables, an Axiom.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use futures::TryStreamExt as _;
use sentinel_axiom::azure::connect_blobs;
use sentinel_axiom::history::ledger::{Ledger, Record};
use sentinel_axiom::loganalytics::kql::day;
use sentinel_axiom::query::window::Window;
use serde::Deserialize;
use tokio::process::Command;
use tokio::time::Instant;

use super::child::{Child, Cost};
use super::rows::{Expected, Shape};
use crate::axiom::{self, Axiom, Totals};
use crate::azurite::{Account, Azurite, IDENTITY};
use crate::handler;
use crate::loganalytics::{self, LogAnalytics};

/// The container of the account of what is done.
const CONTAINER: &str = "history";

/// How long nothing at all may happen: longer than any query, than any claim, and than the pauses that the limits ask for.
const PATIENCE: Duration = Duration::from_secs(90);

/// Pause between two looks at whether anything happens.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Lines of the program's output that an error shows.
const SHOWN: usize = 20;

/// All of it; ends when it is dropped.
pub(super) struct Stage {
    pub(super) axiom: Axiom,
    pub(super) workspace: LogAnalytics,
    /// What must arrive, by table.
    pub(super) expected: BTreeMap<String, Expected>,
    /// Settings beside the usual ones.
    pub(super) settings: Vec<(String, String)>,
    /// Arguments of `history run` beside tables and range.
    pub(super) arguments: Vec<String>,
    /// Of all tables.
    range: Window,
    program: PathBuf,
    account: Account,
    /// What the program last said.
    said: PathBuf,
}

/// A line of `history status --json`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Status {
    pub(super) job: String,
    pub(super) done: u64,
    pub(super) running: u64,
    pub(super) left_behind: u64,
    pub(super) failed: Vec<serde_json::Value>,
    pub(super) rows: u64,
    pub(super) set_aside: u64,
    pub(super) perhaps_twice: u64,
}

impl Stage {
    /// Starts all of it, with so many tables of this shape.
    ///
    /// # Errors
    /// A part cannot be started.
    pub(super) async fn start(
        program: &Path,
        azurite: &Azurite,
        (axiom, workspace): (axiom::Options, loganalytics::Options),
        (shape, tables): (Shape, usize),
    ) -> anyhow::Result<Self> {
        let axiom = Axiom::start(axiom).await?;
        let workspace = LogAnalytics::start(workspace).await?;
        let mut expected = BTreeMap::new();
        for (number, seed) in (0..tables).zip(shape.seed..) {
            let name = format!("History{number:03}");
            let (table, rows) = Shape { seed, ..shape }.table(&name);
            workspace.add(table);
            expected.insert(name, rows);
        }
        let said = std::env::temp_dir().join(format!("bench-history-{}-{:x}", std::process::id(), fastrand::u64(..)));
        let (program, account) = (program.to_owned(), azurite.new_account());
        let (settings, arguments, range) = (Vec::new(), Vec::new(), shape.range());
        Ok(Self { axiom, workspace, expected, settings, arguments, range, program, account, said })
    }

    /// `history run` over all of it.
    ///
    /// # Errors
    /// The program cannot be started.
    pub(super) fn start_run(&self) -> anyhow::Result<Child> {
        let tables: Vec<_> = self.expected.keys().map(String::as_str).collect();
        let Window { from, to } = self.range;
        let mut command =
            self.command(&["run", "--tables", &tables.join(","), "--from", &day(from), "--to", &day(to)])?;
        command.args(&self.arguments);
        Child::start(command)
    }

    /// Waits for the end of a run, which must be a good one.
    ///
    /// # Errors
    /// It is none, or nothing happens any more; with what the program said.
    pub(super) async fn finish(&self, run: Child) -> anyhow::Result<Cost> {
        let (status, cost) = self.watched(run.end()).await?;
        self.check(status)?;
        Ok(cost)
    }

    /// Waits for something that the program does.
    ///
    /// # Errors
    /// Nothing happens any more; with what the program said.
    pub(super) async fn watched<T>(&self, work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
        tokio::select! {
            done = work => done,
            () = self.stalled() => bail!(
                "the program hangs: for {} s it asked nothing and sent nothing. It said\n{}",
                PATIENCE.as_secs(),
                self.last_lines()
            ),
        }
    }

    /// Returns when nothing is asked for and nothing arrives for a while.
    async fn stalled(&self) {
        let (mut seen, mut since) = ((0, None), Instant::now());
        while since.elapsed() < PATIENCE {
            tokio::time::sleep(LOOK_EVERY).await;
            let last = self.workspace.requests().last().map(|request| request.ended.unwrap_or(request.began));
            let now = (self.arrived().requests, last);
            if now != seen {
                (seen, since) = (now, Instant::now());
            }
        }
    }

    /// `history status --json`.
    ///
    /// # Errors
    /// The program ends with an error.
    pub(super) async fn status(&self) -> anyhow::Result<Vec<Status>> {
        let (status, _) = Child::start(self.command(&["status", "--json"])?)?.end().await?;
        self.check(status)?;
        Ok(self.said().lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
    }

    /// What is written down of all slices, by table.
    ///
    /// # Errors
    /// Storage.
    pub(super) async fn records(&self) -> anyhow::Result<Vec<(String, Record)>> {
        let blobs = connect_blobs(&self.account.access(), IDENTITY)?;
        // Only claims ask how long they hold, and none is made here.
        let ledger = Ledger::new(blobs, CONTAINER, Duration::ZERO);
        let mut all = Vec::new();
        for table in self.expected.keys() {
            let records: Vec<Record> = ledger.records(&format!("axiom/{table}/{table}")).try_collect().await?;
            all.extend(records.into_iter().map(|record| (table.clone(), record)));
        }
        Ok(all)
    }

    /// What has arrived, of all tables.
    pub(super) fn arrived(&self) -> Totals {
        let mut sum = Totals::default();
        for table in self.expected.keys() {
            let totals = self.axiom.totals(table);
            sum.content.merge(totals.content);
            sum.distinct.merge(totals.distinct);
            sum.duplicated += totals.duplicated;
            sum.bytes += totals.bytes;
            sum.wire_bytes += totals.wire_bytes;
            sum.requests += totals.requests;
        }
        sum
    }

    /// An error where anything but each row once has arrived.
    ///
    /// # Errors
    /// It has.
    pub(super) fn check_arrived(&self) -> anyhow::Result<()> {
        for (table, expected) in &self.expected {
            let (arrived, wanted) = (self.axiom.totals(table).content, expected.content);
            ensure!(arrived == wanted, "{table}: {} rows arrived of {}, or other ones", arrived.rows, wanted.rows);
        }
        Ok(())
    }

    /// Rows that there are.
    pub(super) fn rows(&self) -> u64 {
        self.expected.values().map(|expected| expected.content.rows).sum()
    }

    /// Their size as lines of JSON.
    pub(super) fn bytes(&self) -> u64 {
        self.expected.values().map(|expected| expected.bytes).sum()
    }

    /// What the program said last, its log among it.
    pub(super) fn said(&self) -> String {
        std::fs::read_to_string(&self.said).unwrap_or_default()
    }

    /// An error where the program did not end well.
    pub(super) fn check(&self, status: ExitStatus) -> anyhow::Result<()> {
        ensure!(status.success(), "sentinel-axiom ended with {status} and said\n{}", self.last_lines());
        Ok(())
    }

    fn last_lines(&self) -> String {
        let said = self.said();
        let lines: Vec<_> = said.lines().collect();
        lines[lines.len().saturating_sub(SHOWN)..].join("\n")
    }

    fn command(&self, args: &[&str]) -> anyhow::Result<Command> {
        let more = self.axiom.settings().into_iter().chain(self.workspace.settings());
        let container = ("HISTORY_CONTAINER".to_owned(), CONTAINER.to_owned());
        let more = more.chain([container]).chain(self.settings.clone());
        let mut command = Command::new(&self.program);
        command.arg("history").args(args).env_clear().envs(handler::settings(&self.account, more));
        let said = File::create(&self.said).with_context(|| format!("write {}", self.said.display()))?;
        command.stdin(Stdio::null()).stdout(said.try_clone()?).stderr(said);
        Ok(command)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        std::fs::remove_file(&self.said).ok();
    }
}
