//! The world of one run: an account of the emulator behind a proxy, a stand-in for Axiom, and the shipped program under one host or more.

use std::convert::Infallible;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context as _, bail};
use fastrand::Rng;
use futures::TryStreamExt as _;
use sentinel_axiom::azure::{Blobs, connect_blobs};
use sentinel_axiom::refused::RefusedRows;
use time::OffsetDateTime;
use time::macros::datetime;
use tokio::time::{Instant, sleep, sleep_until};

use super::account::{Aside, Found, Written, rows};
use super::scenario::Scenario;
use crate::axiom::{self, Axiom, PoisonEffect};
use crate::azurite::{Account, IDENTITY};
use crate::handler::{self, AppRoot, QUEUE, REFUSED};
use crate::host::{Host, HostOptions, Stats};
use crate::proxy::Proxy;
use crate::rows::{RowSource, table_names};
use crate::writer::{self, Kind, RestStorage, Writer, blob_name, container};

/// Simulated time of the first row.
const START: OffsetDateTime = datetime!(2026-11-24 10:00 UTC);
/// Rows with these bytes are refused by Axiom where a scenario says so: one in sixteen.
const POISON: &str = "\"_ItemId\":\"7";
/// Pause between two sweeps.
const SWEEP_EVERY: Duration = Duration::from_millis(400);
/// How long the world may take to settle once the faults have stopped. A pause of Axiom's client takes 30 s, a claim 5 s.
const SETTLE: Duration = Duration::from_secs(90);

/// Everything that a run has to itself.
pub(super) struct World<'a> {
    scenario: &'a Scenario,
    /// The account as its owner sees it, and as the program and the writer see it: behind the proxy.
    account: Account,
    fronted: Account,
    /// The stand-in for Axiom.
    pub(super) axiom: Axiom,
    /// The proxy in front of the blob service.
    pub(super) proxy: Proxy,
    hosts: Vec<Host>,
    blobs: Blobs,
    written: Mutex<Written>,
    rng: Mutex<Rng>,
}

impl<'a> World<'a> {
    /// Starts all of it; nothing is written yet.
    ///
    /// # Errors
    /// A part does not start.
    pub(super) async fn start(scenario: &'a Scenario, account: Account, app: &AppRoot) -> anyhow::Result<Self> {
        crate::install_tls();
        let axiom = Axiom::start(axiom::Options { keep_rows: true, ..axiom::Options::default() }).await?;
        let proxy = Proxy::start(account.blob_url()).await?;
        let fronted = account.behind(proxy.url(), account.queue_url());
        RestStorage::new(&account.access())?.ensure_queue(QUEUE).await?;
        let settings = settings(scenario, &fronted, &axiom);
        let mut hosts = Vec::new();
        for number in 0..scenario.handlers {
            let mut options = HostOptions::new(app.path(), settings.clone());
            options.visibility_timeout = Some(Duration::from_secs(1));
            options.max_crashes = None;
            options.trouble = scenario.trouble.clone();
            options.trouble.seed = options.trouble.seed.wrapping_add(number as u64);
            hosts.push(Host::start(options).await.context("start the program")?);
        }
        let blobs = connect_blobs(&account.access(), IDENTITY)?;
        let rng = Mutex::new(Rng::with_seed(scenario.seed));
        Ok(World { scenario, account, fronted, axiom, proxy, hosts, blobs, written: Mutex::default(), rng })
    }

    /// Plays the scenario until everything is delivered and deleted, sweeping all the time.
    ///
    /// # Errors
    /// A part fails, or the world does not settle in time.
    pub(super) async fn play(&self) -> anyhow::Result<()> {
        tokio::select! {
            played = self.rounds() => played,
            never = self.sweep() => match never {},
            never = self.kill_when_wanted() => match never {},
        }
    }

    async fn rounds(&self) -> anyhow::Result<()> {
        for round in 0..=u64::from(self.scenario.again) {
            self.begin_faults(round);
            let (written, ()) = tokio::join!(self.write(round), self.kill_at_times());
            written?;
            self.end_faults();
            self.settle().await?;
        }
        Ok(())
    }

    fn begin_faults(&self, round: u64) {
        let seed = self.scenario.seed.wrapping_mul(2).wrapping_add(round);
        self.axiom.faults().random(seed, self.scenario.axiom.clone());
        self.proxy.random(seed, self.scenario.storage.clone());
        self.add_what_stays();
    }

    /// What is wrong with rows stays wrong, and what is slow stays slow.
    fn end_faults(&self) {
        self.axiom.faults().clear();
        self.proxy.clear();
        self.add_what_stays();
    }

    fn add_what_stays(&self) {
        let faults = self.axiom.faults();
        faults.always((!self.scenario.answer.is_zero()).then_some(axiom::Fault::SlowBefore(self.scenario.answer)));
        if self.scenario.poison {
            faults.poison(POISON, PoisonEffect::RefuseRequest(400));
        }
    }

    async fn write(&self, round: u64) -> anyhow::Result<()> {
        let Scenario { seed, tables, rows, blobs, block_blobs, .. } = *self.scenario;
        let seed = seed.wrapping_mul(1000).wrapping_add(round);
        let options = writer::Options {
            queue: Some((self.account.access(), QUEUE.to_owned())),
            delivery: self.scenario.delivery.clone(),
            seed,
            tables: table_names(tables),
            rows,
            duration: self.scenario.writing,
            start: START,
            simulated: Duration::from_secs(300) * blobs,
            block_bytes: 16 << 10,
            late: 0.3,
            defects: self.scenario.defects.clone(),
            keep_rows: true,
            ..writer::Options::new(self.fronted.access())
        };
        let writer = Writer::start(options).await?;
        for number in 1..=block_blobs {
            self.write_block_blob(seed, number).await?;
        }
        for table in writer.finish().await?.tables.into_values() {
            self.note(table.rows, table.bad);
        }
        Ok(())
    }

    /// A blob that is whole from the start and for which no event comes.
    async fn write_block_blob(&self, seed: u64, number: u64) -> anyhow::Result<()> {
        let table = &table_names(self.scenario.tables)[0];
        // A seed of its own: no row twice.
        let source = RowSource::new(!seed, table);
        let first = 1000 * number;
        let rows: Vec<Vec<u8>> = (first..first + self.scenario.batch_rows * 3 / 2)
            .map(|index| {
                let mut row = Vec::new();
                source.write_row(index, START, &mut row);
                row
            })
            .collect();
        let name = blob_name(START, u32::try_from(number)?);
        let storage = RestStorage::new(&self.fronted.access())?;
        storage.put_blob(&container(table), &name, &rows.join(&b'\n'), Kind::Block).await?;
        self.note(rows, Vec::new());
        Ok(())
    }

    fn note(&self, good: Vec<Vec<u8>>, bad: Vec<Vec<u8>>) {
        let is_poison = |row: &Vec<u8>| self.scenario.poison && memchr::memmem::find(row, POISON.as_bytes()).is_some();
        let (poison, good): (Vec<_>, Vec<_>) = good.into_iter().partition(is_poison);
        let mut written = self.written.lock().expect("no holder of this lock panics");
        for (row, count) in rows(good) {
            *written.good.entry(row).or_default() += count;
        }
        for (row, count) in rows(bad.into_iter().chain(poison)) {
            *written.bad.entry(row).or_default() += count;
        }
    }

    async fn kill_at_times(&self) {
        let started = Instant::now();
        let mut kills = self.scenario.kills.clone();
        kills.sort();
        for after in kills {
            sleep_until(started + after).await;
            let host = self.rng.lock().expect("no holder of this lock panics").usize(..self.hosts.len());
            self.hosts[host].kill_handler().await;
        }
    }

    async fn kill_when_wanted(&self) -> Infallible {
        loop {
            self.proxy.kill_wanted().await;
            // The request does not say whose it was.
            for host in &self.hosts {
                host.kill_handler().await;
            }
        }
    }

    async fn sweep(&self) -> Infallible {
        loop {
            for host in &self.hosts {
                // One that fails is followed by the next.
                host.fire("function-sweep").await.ok();
                sleep(SWEEP_EVERY).await;
            }
        }
    }

    /// Waits until no blob is left and nobody works.
    async fn settle(&self) -> anyhow::Result<()> {
        let started = Instant::now();
        loop {
            let left = self.left().await?;
            let busy = self.stats().any(|stats| stats.in_flight > 0);
            if left.is_empty() && !busy {
                return Ok(());
            }
            if started.elapsed() > SETTLE {
                bail!("not settled {} s after the last fault: {left:?}", SETTLE.as_secs());
            }
            sleep(Duration::from_millis(150)).await;
        }
    }

    /// Container, name and marks of the blobs that are left.
    async fn left(&self) -> anyhow::Result<Vec<(String, String, String)>> {
        let mut left = Vec::new();
        let containers: Vec<String> = self.blobs.containers("am-").try_collect().await?;
        for container in containers {
            let blobs: Vec<_> = self.blobs.list(&container, "").try_collect().await?;
            let marks = |length: u64, metadata| format!("{length} bytes, {metadata:?}");
            left.extend(
                blobs.into_iter().map(|blob| (container.clone(), blob.name, marks(blob.length, blob.metadata))),
            );
        }
        Ok(left)
    }

    /// The counts of each host.
    pub(super) fn stats(&self) -> impl Iterator<Item = Stats> {
        self.hosts.iter().map(Host::stats)
    }

    /// What the program printed, host by host.
    pub(super) fn output(&self) -> impl Iterator<Item = String> {
        self.hosts.iter().flat_map(Host::output).map(|line| line.text)
    }

    /// What was written.
    pub(super) fn written(&self) -> Written {
        self.written.lock().expect("no holder of this lock panics").clone()
    }

    /// Where the rows are now.
    ///
    /// # Errors
    /// The emulator fails.
    pub(super) async fn found(&self) -> anyhow::Result<Found> {
        let in_axiom = self.axiom.datasets().into_iter().flat_map(|dataset| self.axiom.rows(&dataset));
        let mut source = Vec::new();
        for (container, name, _) in self.left().await? {
            let Some(properties) = self.blobs.properties(&container, &name).await? else { continue };
            let shipped = properties.metadata.get("axiom_shipped").and_then(|text| text.parse().ok()).unwrap_or(0);
            let (bytes, _) = self.blobs.get(&container, &name).await?;
            let lines =
                bytes[shipped..].split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
            source.extend(lines.filter(|line| !line.is_empty()).map(<[u8]>::to_vec));
        }
        let axiom = rows(in_axiom.map(|row| row.to_vec()));
        Ok(Found { axiom, aside: self.aside().await?, source: rows(source) })
    }

    async fn aside(&self) -> anyhow::Result<Vec<Aside>> {
        let refused = RefusedRows::new(self.blobs.clone(), REFUSED);
        let names: Vec<String> = match refused.list("").try_collect().await {
            Ok(names) => names,
            // The container is created with the first row that is set aside.
            Err(error) if error.status() == Some(404) => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let mut aside = Vec::new();
        for name in names {
            // `<blob>/<creation time>-<start>-<end>.jsonl`
            let blob = name.rsplit_once('-').and_then(|(rest, _)| rest.rsplit_once('-')).map_or("", |(blob, _)| blob);
            let (records, _) = refused.read(&name).await?;
            aside.extend(records.into_iter().map(|record| Aside {
                blob: blob.to_owned(),
                offset: record.offset,
                bytes: record.bytes(),
                reason: record.reason,
                perhaps_delivered: record.perhaps_delivered,
            }));
        }
        Ok(aside)
    }
}

fn settings(scenario: &Scenario, account: &Account, axiom: &Axiom) -> Vec<(String, String)> {
    let own = [
        // With one second, ages in whole seconds could make two appends of one moment look like a quiet time.
        ("SETTLE_AFTER", "2".to_owned()),
        ("CLAIM_FOR", scenario.claim_for.to_string()),
        ("BATCH_ROWS", scenario.batch_rows.to_string()),
        ("UPLOADS", scenario.uploads.to_string()),
        ("VISITS", scenario.visits.to_string()),
        ("LOG_LEVEL", "debug".to_owned()),
    ];
    handler::settings(account, axiom.settings().into_iter().chain(own.map(|(name, value)| (name.to_owned(), value))))
}
