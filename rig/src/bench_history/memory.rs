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
    /// Factor by which the peak may be above that of fewer rows, if those are twice as many slices as a run has in hand at a time.
    #[arg(long, default_value_t = 1.25)]
    pub growth: f64,
    /// Seed of the rows.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// Slices that fill a run's hands twice: fewer never come to the peak.
const ENOUGH_SLICES: usize = 16;

/// Measures and prints a table. Gives what is not as it should be.
///
/// # Errors
/// A part cannot be started, or a run ends with an error, or moves other rows.
pub(super) async fn run(options: &Options, program: &Path, azurite: &Azurite) -> anyhow::Result<Vec<String>> {
    print(&format!(
        "{:>8} {:>5} {:>7} {:>7} {:>6} {:>7} {:>8}\n",
        "rows", "days", "MB", "slices", "s", "CPU s", "peak MB"
    ));
    let (mut complaints, mut highest) = (Vec::new(), None);
    for rows in &options.rows {
        let measured = measure(options, *rows, program, azurite).await;
        let (peak, slices) = measured.with_context(|| format!("with {rows} rows"))?;
        if highest.is_some_and(|highest| peak > highest * options.growth) {
            complaints.push(format!("the peak grows to {peak:.1} MB with {rows} rows"));
        }
        if slices >= ENOUGH_SLICES {
            highest = Some(highest.unwrap_or(peak).max(peak));
        }
    }
    Ok(complaints)
}

/// The peak, in MB, and the number of slices.
async fn measure(options: &Options, rows: usize, program: &Path, azurite: &Azurite) -> anyhow::Result<(f64, usize)> {
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
    let mut stage = Stage::start(program, azurite, (axiom, workspace), (shape, 1)).await?;
    // The shipped binary has one heap, while the glibc of other builds has one for each thread. Those grow apart, for as long as a run takes.
    stage.settings.push(("MALLOC_ARENA_MAX".to_owned(), "1".to_owned()));
    let cost = stage.finish(stage.start_run()?).await?;
    stage.check_arrived()?;
    let (peak, slices) = (megabytes(cost.peak), stage.records().await?.len());
    print(&format!(
        "{rows:>8} {days:>5} {:>7.1} {slices:>7} {:>6.1} {:>7.2} {peak:>8.1}\n",
        megabytes(stage.bytes()),
        cost.wall.as_secs_f64(),
        cost.cpu.as_secs_f64(),
    ));
    Ok((peak, slices))
}
