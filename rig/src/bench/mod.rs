//! `cargo bench-ship`: the shipped program's whole path, from ranged read to deleted blob, against endpoints that cost next to nothing, measured in CPU
//! time of the program alone and against the floor of the same run.

mod child;
mod corpus;
pub mod floor;
mod growth;
mod peers;
mod plot;
mod price;
mod server;
mod sink;
mod storage;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use time::macros::datetime;

use sentinel_axiom::settings::ZstdLevel;

use crate::demo::print;
use crate::handler;
use crate::rows::table_names;
use crate::writer::{blob_name, container};
use child::Cost;
use corpus::Corpus;
use peers::Peer;
use server::{Addresses, Endpoints};
use sink::Arrived;

/// What is measured.
#[derive(Debug, Clone, clap::Parser)]
#[command(about = "Measures the whole path of sentinel-axiom against a floor in the same run")]
pub struct Options {
    /// Sizes of blobs, in bytes; each is moved with and without TLS.
    #[arg(long, value_delimiter = ',', default_values_t = [64 << 10, 1 << 20, 16 << 20, 256 << 20, 1 << 30, 4 << 30])]
    pub sizes: Vec<u64>,
    /// Rounds; the median counts.
    #[arg(long, default_value_t = 3)]
    pub rounds: usize,
    /// Level of zstd, as in `ZSTD_LEVEL`.
    #[arg(long, default_value = "1")]
    pub level: ZstdLevel,
    /// Milliseconds added to each POST.
    #[arg(long, default_value_t = 0)]
    pub delay: u64,
    /// Only with TLS.
    #[arg(long)]
    pub tls: bool,
    /// Another build of the program, to be measured in turn: that of `cargo package-app`, or one from before a change.
    #[arg(long, value_name = "FILE")]
    pub other: Option<PathBuf>,
    /// How time and memory grow with the number of blobs, the number of tables and the size of a blob, and nothing else.
    #[arg(long)]
    pub growth: bool,
    /// Measures what people would write in Node.js and Python too, with TLS and blobs of this many bytes; in place of `--sizes`.
    #[arg(long, value_name = "BYTES", num_args = 0..=1, require_equals = true, default_missing_value = "67108864")]
    pub peers: Option<u64>,
    /// Draws the comparison with the peers into this SVG file.
    #[arg(long, value_name = "FILE", requires = "peers")]
    pub plot: Option<PathBuf>,
}

/// Bytes moved in one measurement, at least: enough for a second of CPU time.
const ENOUGH: u64 = 512 << 20;
/// Bytes of rows before a blob repeats itself.
const PERIOD: usize = 48 << 20;
/// The tables with shapes of their own that come near a real mix.
const TABLES: usize = 6;

/// Who moves the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mover<'a> {
    Program,
    Other(&'a Path),
    Floor,
    Peer(&'a Peer),
}

/// What there is to move.
#[derive(Debug)]
struct Load {
    /// `container/name`, and length in bytes.
    blobs: Vec<(String, u64)>,
    bytes: u64,
    rows: u64,
}

/// One measurement.
#[derive(Debug, Clone, Copy)]
struct Measured {
    cost: Cost,
    /// Bytes of the blobs.
    bytes: u64,
    arrived: Arrived,
    operations: u64,
    blobs: u64,
}

struct Bench {
    options: Options,
    endpoints: Endpoints,
    corpora: Vec<Arc<Corpus>>,
    program: PathBuf,
    floor: PathBuf,
}

/// Runs all of it and prints a table.
///
/// # Errors
/// A part cannot be started, or what arrives is not what was written.
pub async fn run(options: Options) -> anyhow::Result<()> {
    let program = handler::build().await?;
    let floor = std::env::current_exe()?.with_file_name("bench-floor");
    ensure!(floor.exists(), "{} is missing: build it with `cargo build --release --bins`", floor.display());
    let endpoints = Endpoints::start().await?;
    endpoints.sink.delay(Duration::from_millis(options.delay));
    let corpora = table_names(TABLES).iter().map(|table| Arc::new(Corpus::new(1, table, PERIOD))).collect();
    let bench = Bench { options, endpoints, corpora, program, floor };
    if bench.options.growth {
        return bench.growth().await;
    }
    match bench.options.peers {
        Some(size) => bench.against_peers(size).await,
        None => bench.against_floor().await,
    }
}

impl Bench {
    async fn against_floor(&self) -> anyhow::Result<()> {
        print(&format!(
            "zstd level {}, {} ms added to each POST, median of {}; MB is 10^6 bytes of rows\n\n{:>9} {:>5}  {:>8} {:>10} {:>9} {:>8} {:>7} {:>5} {:>9} {:>9} {:>9}\n",
            self.options.level,
            self.options.delay,
            self.options.rounds,
            "blob",
            "TLS",
            "MB/CPU-s",
            "of floor",
            "wall MB/s",
            "peak MB",
            "ratio",
            "$/TB",
            "in flight",
            "ops/blob",
            "CPU/blob"
        ));
        for size in self.options.sizes.clone() {
            for tls in [false, true] {
                if tls || !self.options.tls {
                    self.compare(size, tls).await?;
                }
            }
        }
        Ok(())
    }

    /// Measures program and floor in turn, so that both see the same moods of the machine.
    async fn compare(&self, size: u64, tls: bool) -> anyhow::Result<()> {
        let programs = self.options.other.iter().map(|program| Mover::Other(program)).chain([Mover::Program]);
        let movers: Vec<_> = [Mover::Floor].into_iter().chain(programs).collect();
        let mut runs = self.in_turn(&movers, size, tls).await?.into_iter();
        let floor = runs.next().expect("the floor is the first of them");
        for (mover, run) in movers[1..].iter().zip(runs) {
            print(&format!(
                "{:>9} {:>5}  {:>8.0} {:>9.0}% {:>9.0} {:>8.1} {:>7.2} {:>5.2} {:>9.2} {:>9.1} {:>6.2} ms{}\n",
                size_name(size),
                if tls { "yes" } else { "no" },
                run.efficiency(),
                100.0 * run.efficiency() / floor.efficiency(),
                run.megabytes() / run.cost.wall.as_secs_f64(),
                megabytes(run.cost.peak),
                run.ratio(),
                run.dollars(),
                run.in_flight(),
                run.operations as f64 / run.blobs as f64,
                run.cost.cpu.as_secs_f64() * 1000.0 / run.blobs as f64,
                if matches!(mover, Mover::Other(_)) { "  the other" } else { "" },
            ));
        }
        Ok(())
    }

    /// The median of each mover's rounds.
    async fn in_turn(&self, movers: &[Mover<'_>], size: u64, tls: bool) -> anyhow::Result<Vec<Measured>> {
        let mut runs = vec![Vec::new(); movers.len()];
        for _ in 0..self.options.rounds {
            for (mover, runs) in movers.iter().zip(&mut runs) {
                runs.push(self.measure(*mover, size, tls).await.with_context(|| format!("measure {}", mover.name()))?);
            }
        }
        Ok(runs.into_iter().map(median).collect())
    }

    async fn measure(&self, mover: Mover<'_>, size: u64, tls: bool) -> anyhow::Result<Measured> {
        let load = self.load(size)?;
        self.endpoints.storage.take_operations();
        self.endpoints.sink.take();
        let addresses = if tls { &self.endpoints.tls } else { &self.endpoints.plain };
        let command = match mover {
            Mover::Program => self.program(&self.program, addresses),
            Mover::Other(program) => self.program(program, addresses),
            Mover::Floor => self.floor(addresses, &load),
            Mover::Peer(peer) => peer.command(addresses, &self.endpoints.certificate, &load),
        };
        let cost = tokio::task::spawn_blocking(|| child::run(command)).await??;
        let arrived = self.endpoints.sink.take();
        let operations = self.endpoints.storage.take_operations().values().sum();
        ensure!(arrived.wrong == 0, "{} bodies differ from their blobs", arrived.wrong);
        ensure!(arrived.rows == load.rows, "{} rows arrived, and there are {}", arrived.rows, load.rows);
        // The bytes of a peer may be other ones: it may have written its rows anew.
        if !matches!(mover, Mover::Peer(_)) {
            ensure!(
                arrived.compared == arrived.requests,
                "{} bodies name no blob",
                arrived.requests - arrived.compared
            );
            ensure!(arrived.bytes == load.bytes, "{} bytes arrived, and there are {}", arrived.bytes, load.bytes);
        }
        if matches!(mover, Mover::Program | Mover::Other(_)) {
            ensure!(self.endpoints.storage.blobs() == 0, "{} blobs are left", self.endpoints.storage.blobs());
        }
        Ok(Measured { cost, bytes: load.bytes, arrived, operations, blobs: load.blobs.len() as u64 })
    }

    /// Fills the storage anew with blobs of about `size` bytes.
    fn load(&self, size: u64) -> anyhow::Result<Load> {
        self.endpoints.storage.clear();
        let mut load = Load { blobs: Vec::new(), bytes: 0, rows: 0 };
        for (number, corpus) in (0..(ENOUGH / size).max(1)).zip(self.corpora.iter().cycle()) {
            let (container, name) =
                (container(&corpus.table), blob_name(datetime!(2026-11-25 08:00 UTC), u32::try_from(number)?));
            let length = corpus.length(size);
            load.bytes += length;
            load.rows += corpus.rows(length);
            load.blobs.push((format!("{container}/{name}"), length));
            self.endpoints.storage.put(container, name, Arc::clone(corpus), length);
        }
        Ok(load)
    }

    fn program(&self, program: &Path, addresses: &Addresses) -> Command {
        let mut command = self.bare(program);
        let key = "AAAA";
        let Addresses { storage, axiom } = addresses;
        let connection = format!(
            "DefaultEndpointsProtocol=http;AccountName={};AccountKey={key};BlobEndpoint={storage};QueueEndpoint={storage}",
            storage::ACCOUNT
        );
        command
            .args(["run", "--once"])
            .env("AXIOM_TOKEN", "xaat-bench")
            .env("AXIOM_URL", axiom)
            .env("EXPORT_STORAGE", &connection)
            .env("AzureWebJobsStorage", &connection)
            .env("ZSTD_LEVEL", self.options.level.to_string())
            .env("LOG_LEVEL", "warn");
        command
    }

    fn floor(&self, addresses: &Addresses, load: &Load) -> Command {
        let mut command = self.bare(&self.floor);
        command.args(["--storage", &addresses.storage, "--axiom", &addresses.axiom]);
        command.args(["--level", &self.options.level.for_backlog(load.blobs[0].1, storage::AGE).to_string()]);
        command.args(load.blobs.iter().map(|(blob, length)| format!("{blob}={length}")));
        command
    }

    fn bare(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("SSL_CERT_FILE", &self.endpoints.certificate);
        command
    }
}

impl Mover<'_> {
    fn name(&self) -> &'static str {
        match self {
            Mover::Program => "sentinel-axiom",
            Mover::Other(_) => "the other build",
            Mover::Floor => "floor",
            Mover::Peer(peer) => peer.name,
        }
    }
}

impl Measured {
    fn megabytes(&self) -> f64 {
        megabytes(self.bytes)
    }

    /// Bytes of the blobs for a byte on the wire.
    fn ratio(&self) -> f64 {
        self.bytes as f64 / self.arrived.wire_bytes as f64
    }

    /// Megabytes of rows in a second of CPU time.
    fn efficiency(&self) -> f64 {
        self.megabytes() / self.cost.cpu.as_secs_f64()
    }

    /// POSTs that were open at the endpoint, over all of the time.
    fn in_flight(&self) -> f64 {
        self.arrived.open.as_secs_f64() / self.cost.wall.as_secs_f64()
    }

    /// What a terabyte of rows costs, in US dollars.
    fn dollars(&self) -> f64 {
        price::terabyte(self.efficiency(), self.ratio())
    }
}

fn median(mut measured: Vec<Measured>) -> Measured {
    measured.sort_by_key(|measured| measured.cost.cpu);
    measured[measured.len() / 2]
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

fn size_name(bytes: u64) -> String {
    match bytes {
        0..0x10_0000 => format!("{} KiB", bytes >> 10),
        0x10_0000..0x4000_0000 => format!("{} MiB", bytes >> 20),
        _ => format!("{} GiB", bytes >> 30),
    }
}
