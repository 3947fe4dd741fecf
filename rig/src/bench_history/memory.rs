//! `cargo bench-history memory`: the peak memory of a run, for more and more rows over longer and longer ranges.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;

use super::megabytes;
use super::rows::{Shape, Spread};
use super::stage::Stage;
use crate::axiom::{self, Inspect};
use crate::azurite::Azurite;
use crate::demo::print;
use crate::loganalytics;

/// What is measured.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Rows, in this order.
    #[arg(long, value_delimiter = ',', default_values_t = [100_000, 400_000, 1_600_000])]
    pub rows: Vec<usize>,
    /// Rows of a day. With these and the usual rows, a day is about as large as a slice may be.
    #[arg(long, default_value_t = 15_000)]
    pub per_day: usize,
    /// About so many bytes has a row.
    #[arg(long, default_value_t = 1000)]
    pub row_bytes: usize,
    /// Milliseconds that every query takes.
    #[arg(long, default_value_t = 200)]
    pub latency: u64,
    /// Bytes of rows in a second that a query gives; 0 spends no time on them.
    #[arg(long, default_value_t = 40_000_000)]
    pub bytes_per_second: u64,
    /// Factor by which the peak may be above that of fewer rows.
    #[arg(long, default_value_t = 1.25)]
    pub growth: f64,
    /// Seed of the rows.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// Measures and prints a table. Gives what is not as it should be.
///
/// # Errors
/// A part cannot be started, or a run ends with an error, or moves other rows.
pub(super) async fn run(options: &Options, program: &Path, azurite: &Azurite) -> anyhow::Result<Vec<String>> {
    print(&format!(
        "{:>8} {:>5} {:>7} {:>7} {:>6} {:>7} {:>8}\n",
        "rows", "days", "MB", "slices", "s", "CPU s", "peak MB"
    ));
    let (mut complaints, mut peaks) = (Vec::new(), Vec::new());
    for rows in &options.rows {
        let peak = measure(options, *rows, program, azurite).await.with_context(|| format!("with {rows} rows"))?;
        let before = peaks.iter().copied().reduce(f64::max);
        if before.is_some_and(|before| peak > before * options.growth) {
            complaints.push(format!("the peak grows to {peak:.1} MB with {rows} rows"));
        }
        peaks.push(peak);
    }
    Ok(complaints)
}

/// The peak, in MB.
async fn measure(options: &Options, rows: usize, program: &Path, azurite: &Azurite) -> anyhow::Result<f64> {
    let days = u32::try_from(rows.div_ceil(options.per_day).max(1)).context("so many days")?;
    let (row_bytes, seed) = (options.row_bytes, options.seed);
    let shape = Shape { rows, row_bytes, days, spread: Spread::Even, seed };
    let axiom = axiom::Options { inspect: Inspect::Rows, track_rows: false, records: 100, ..axiom::Options::default() };
    let workspace = loganalytics::Options {
        latency: Duration::from_millis(options.latency),
        bytes_per_second: options.bytes_per_second,
        records: 100,
        ..loganalytics::Options::default()
    };
    let stage = Stage::start(program, azurite, (axiom, workspace), (shape, 1)).await?;
    let cost = stage.finish(stage.start_run()?).await?;
    stage.check_arrived()?;
    let (peak, slices) = (megabytes(cost.peak), stage.records().await?.len());
    print(&format!(
        "{rows:>8} {days:>5} {:>7.1} {slices:>7} {:>6.1} {:>7.2} {peak:>8.1}\n",
        megabytes(stage.bytes()),
        cost.wall.as_secs_f64(),
        cost.cpu.as_secs_f64(),
    ));
    Ok(peak)
}
