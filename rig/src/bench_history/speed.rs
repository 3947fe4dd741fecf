//! `cargo bench-history speed`: how near a run comes to what the query API allows, and what it could do without limits.

use std::path::Path;
use std::time::Duration;

use anyhow::ensure;
use sentinel_axiom::settings::ZstdLevel;

use super::child::{Cost, own_cpu};
use super::record::{Limits, Used};
use super::rows::{Shape, Spread};
use super::stage::Stage;
use super::{float, megabytes};
use crate::axiom::{self, Inspect};
use crate::azurite::Azurite;
use crate::demo::print;
use crate::loganalytics;

/// What is measured.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Only these.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Setting::Places, Setting::Calls, Setting::Free])]
    pub settings: Vec<Setting>,
    /// Rows of the one table of `places` and `free`.
    #[arg(long, default_value_t = 2_000_000)]
    pub rows: usize,
    /// About so many bytes has a row.
    #[arg(long, default_value_t = 280)]
    pub row_bytes: usize,
    /// Days that the rows are spread over.
    #[arg(long, default_value_t = 28, value_parser = clap::value_parser!(u32).range(1..))]
    pub days: u32,
    /// Milliseconds that every query of `places` takes.
    #[arg(long, default_value_t = 1500)]
    pub latency: u64,
    /// Bytes of rows in a second that a query of `places` gives.
    #[arg(long, default_value_t = 4_000_000)]
    pub bytes_per_second: u64,
    /// Tables of `calls`.
    #[arg(long, default_value_t = 120)]
    pub tables: usize,
    /// Rows of each of them.
    #[arg(long, default_value_t = 500)]
    pub table_rows: usize,
    /// Level of zstd, as in `ZSTD_LEVEL`.
    #[arg(long, default_value = "auto")]
    pub level: ZstdLevel,
    /// Share of what the API allows that must be reached, apart from start and tail.
    #[arg(long, default_value_t = 0.9)]
    pub least: f64,
    /// Seed of the rows.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// What binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Setting {
    /// Queries that take their time, five at once.
    Places,
    /// Queries that take no time, 200 in 30 seconds: many small tables.
    Calls,
    /// Neither.
    Free,
}

/// One run.
struct Measured {
    setting: Setting,
    rows: u64,
    bytes: u64,
    cost: Cost,
    /// CPU time of the stand-ins in that time.
    rig: Duration,
    used: Used,
}

/// Measures and prints a table. Gives what is not as it should be.
///
/// # Errors
/// A part cannot be started, or a run ends with an error, or moves other rows.
pub(super) async fn run(options: &Options, program: &Path, azurite: &Azurite) -> anyhow::Result<Vec<String>> {
    print(&format!(
        "MB is 10^6 bytes of rows as JSON. busy: share of the five places, of the whole run and apart from start and tail;\n\
         bound: the least time that five places and 200 calls in 30 s leave for these queries; rig: CPU of the stand-ins\n\n\
         {:>7} {:>8} {:>7} {:>6} {:>7} {:>6} {:>6} {:>6} {:>7} {:>8} {:>5} {:>7} {:>6} {:>6} {:>9} {:>7}\n",
        "setting",
        "rows",
        "MB",
        "s",
        "rows/s",
        "MB/s",
        "busy",
        "middle",
        "queries",
        "per 30 s",
        "429",
        "bound s",
        "ratio",
        "CPU s",
        "MB/CPU-s",
        "peak MB"
    ));
    let mut complaints = Vec::new();
    for setting in &options.settings {
        let measured = measure(options, *setting, program, azurite).await?;
        print(&measured.line());
        complaints.extend(measured.complaint(options.least));
    }
    Ok(complaints)
}

async fn measure(options: &Options, setting: Setting, program: &Path, azurite: &Azurite) -> anyhow::Result<Measured> {
    let (rows, tables) = match setting {
        Setting::Calls => (options.table_rows, options.tables),
        Setting::Places | Setting::Free => (options.rows, 1),
    };
    let (row_bytes, days, seed) = (options.row_bytes, options.days, options.seed);
    let shape = Shape { rows, row_bytes, days, spread: Spread::Even, seed };
    let axiom = axiom::Options { inspect: Inspect::Rows, track_rows: false, records: 100, ..axiom::Options::default() };
    let axiom = axiom::Options { rules: axiom::Rules { datasets_max: tables, ..axiom::Rules::default() }, ..axiom };
    let mut workspace = loganalytics::Options { records: usize::MAX, ..loganalytics::Options::default() };
    if setting == Setting::Places {
        workspace.latency = Duration::from_millis(options.latency);
        workspace.bytes_per_second = options.bytes_per_second;
    }
    let limits = Limits { places: workspace.at_once, calls: workspace.rate, window: workspace.rate_window };
    let mut stage = Stage::start(program, azurite, (axiom, workspace), (shape, tables)).await?;
    stage.settings.push(("ZSTD_LEVEL".to_owned(), options.level.to_string()));
    let before = own_cpu()?;
    let cost = stage.finish(stage.start_run()?).await?;
    let rig = own_cpu()?.saturating_sub(before);
    stage.check_arrived()?;
    let used = Used::of(&stage.workspace.requests(), limits);
    ensure!(used.queries > 0, "the program asked nothing");
    Ok(Measured { setting, rows: stage.rows(), bytes: stage.bytes(), cost, rig, used })
}

impl Measured {
    /// What is not as it should be.
    fn complaint(&self, least: f64) -> Option<String> {
        let reached = match self.setting {
            Setting::Places => self.used.middle.unwrap_or_default(),
            Setting::Calls => self.ratio(),
            Setting::Free => return None,
        };
        let name = name(self.setting);
        (reached < least).then(|| format!("{name}: {:.1} % of what the API allows is reached", reached * 100.0))
    }

    /// The least time that the limits leave, for the time that it took.
    fn ratio(&self) -> f64 {
        self.used.least.as_secs_f64() / self.cost.wall.as_secs_f64()
    }

    fn line(&self) -> String {
        let Self { rows, bytes, cost, used, .. } = self;
        let (wall, cpu, megabytes) = (cost.wall.as_secs_f64(), cost.cpu.as_secs_f64(), megabytes(*bytes));
        let middle = used.middle.map_or("-".to_owned(), |middle| format!("{:.1} %", middle * 100.0));
        format!(
            "{:>7} {rows:>8} {megabytes:>7.1} {wall:>6.1} {:>7.0} {:>6.1} {:>4.1} % {middle:>6} {:>7} {:>8} {:>5} {:>7.1} {:>4.1} % {cpu:>6.2} {:>9.0} {:>7.1}  (rig {:.1} CPU s)\n",
            name(self.setting),
            float(*rows) / wall,
            megabytes / wall,
            used.busy.as_secs_f64() / 5.0 / wall * 100.0,
            used.queries,
            used.most_calls,
            used.told_to_wait,
            used.least.as_secs_f64(),
            self.ratio() * 100.0,
            megabytes / cpu,
            super::megabytes(cost.peak),
            self.rig.as_secs_f64(),
        )
    }
}

fn name(setting: Setting) -> &'static str {
    match setting {
        Setting::Places => "places",
        Setting::Calls => "calls",
        Setting::Free => "free",
    }
}
