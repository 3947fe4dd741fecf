//! `reconcile`: rows per table and time bin, Log Analytics against Axiom; and the repair of what differs.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::json;
use tokio::time::Instant;

use super::history::jobs;
use crate::app::App;
use crate::cli::{Destination, What};
use crate::history::History;
use crate::history::job::{Job, Target};
use crate::history::plan;
use crate::query::window::{DAY, SECOND, Window};
use crate::reconcile::compare::{Difference, Table};
use crate::reconcile::repair::repair;
use crate::reconcile::{Place, by_bin, page, stretches};
use crate::report::chain;
use crate::settings::DatasetRule;

/// How long rows that were just sent may take until a query sees them. Axiom's own tests look for a minute.
const VISIBLE: Duration = Duration::from_secs(90);

/// Pause between two looks.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// How a comparison is told, and what follows from it.
#[derive(Debug, Clone, Copy)]
pub struct Report<'a> {
    /// Width of a bin.
    pub bin: BinWidth,
    /// Send what is missing.
    pub repair: bool,
    /// JSON instead of a table.
    pub json: bool,
    /// Where the page goes.
    pub html: Option<&'a Path>,
}

/// Widths of the bins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum BinWidth {
    /// A day.
    #[value(name = "1d")]
    Day,
    /// An hour.
    #[value(name = "1h")]
    Hour,
    /// Five minutes, as the folders of data export.
    #[value(name = "5m")]
    FiveMinutes,
}

impl BinWidth {
    fn ticks(self) -> i64 {
        match self {
            Self::Day => DAY,
            Self::Hour => 3600 * SECOND,
            Self::FiveMinutes => 300 * SECOND,
        }
    }
}

/// Compares, tells and, where asked for, repairs. True when in the end every bin has as many rows on both sides.
///
/// # Errors
/// One of both sides does not answer.
pub async fn reconcile(
    history: &History,
    app: &App,
    what: &What,
    report: Report<'_>,
    out: &mut (dyn Write + Send),
) -> anyhow::Result<bool> {
    let (window, width) = (what.window()?, report.bin.ticks());
    let shared = matches!(app.settings.axiom.datasets, DatasetRule::One(_));
    let (mut tables, mut repaired, mut even) = (Vec::new(), Vec::new(), true);
    for job in jobs(history, app, what, (Destination::Axiom, false)).await? {
        let Target::Axiom { dataset } = &job.to else { unreachable!("rows are compared with Axiom alone") };
        let place = Place::of(&job, dataset, shared);
        let table = compare(history, &job, &place, window, width).await.with_context(|| job.name.clone())?;
        let differences = table.differences(window, width);
        let mut left = differences.len();
        if report.repair {
            for difference in differences.iter().filter(|difference| difference.pair.missing() > 0) {
                let done = mend(history, &job, &place, difference).await;
                left -= usize::from(matches!(done, Ok((_, true))));
                repaired.push((difference.clone(), done));
            }
        }
        even &= left == 0;
        tables.push(table);
    }
    if let Some(path) = report.html {
        let page = page::page(&tables, window, width);
        std::fs::write(path, page).with_context(|| format!("write {}", path.display()))?;
    }
    match report.json {
        true => tell_json(&tables, &repaired, (window, width), out)?,
        false => tell(&tables, &repaired, (window, width), out)?,
    }
    Ok(even)
}

/// What became of a repair: rows sent, and whether both sides have the same now; or why not.
type Mended = Result<(u64, bool), String>;

async fn compare(history: &History, job: &Job, place: &Place, window: Window, width: i64) -> anyhow::Result<Table> {
    let (mut there, mut here) = (Vec::new(), Vec::new());
    for stretch in stretches(window, width) {
        there.extend(plan::count(&history.log_analytics, job, stretch, width).await?);
        here.extend(place.bins(&history.flow.axiom, stretch, width).await?);
    }
    Ok(Table::new(&job.name, &by_bin(there), &by_bin(here)))
}

/// Repairs one bin, and waits until Axiom shows it.
async fn mend(history: &History, job: &Job, place: &Place, difference: &Difference) -> Mended {
    let window = difference.window;
    let sent = repair(history, job, place, window).await.map_err(|error| {
        tracing::error!(table = job.name, bin = %window, error = chain(&error), "a bin is not repaired");
        chain(&error)
    })?;
    let end = Instant::now() + VISIBLE;
    loop {
        let here = place.count(&history.flow.axiom, window).await.map_err(|error| chain(&error))?;
        let even = here == difference.pair.log_analytics;
        if even || Instant::now() >= end {
            return Ok((sent, even));
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

fn tell(
    tables: &[Table],
    repaired: &[(Difference, Mended)],
    (window, width): (Window, i64),
    out: &mut (dyn Write + Send),
) -> std::io::Result<()> {
    writeln!(out, "{:<30} {:>16} {:>16} {:>10} {:>10}", "table", "Log Analytics", "Axiom", "missing", "too many")?;
    for table in tables {
        let (total, days) = (table.total(), table.days());
        let (missing, surplus) =
            days.values().fold((0, 0), |(missing, surplus), day| (missing + day.missing, surplus + day.surplus));
        let name = &table.name;
        writeln!(out, "{name:<30} {:>16} {:>16} {missing:>10} {surplus:>10}", total.log_analytics, total.axiom)?;
    }
    let differences: Vec<_> = tables.iter().flat_map(|table| table.differences(window, width)).collect();
    if differences.is_empty() {
        return writeln!(out, "\nno bin differs");
    }
    writeln!(out, "\nbins that differ:")?;
    for Difference { table, window, pair } in &differences {
        writeln!(out, "{table:<30} {window} {:>12} {:>12}", pair.log_analytics, pair.axiom)?;
    }
    for (difference, mended) in repaired {
        let said = match mended {
            Ok((sent, true)) => format!("repaired, {sent} rows sent"),
            Ok((sent, false)) => format!("{sent} rows sent, and Axiom does not show as many as Log Analytics yet"),
            Err(why) => format!("not repaired: {why}"),
        };
        writeln!(out, "{:<30} {}: {said}", difference.table, difference.window)?;
    }
    Ok(())
}

fn tell_json(
    tables: &[Table],
    repaired: &[(Difference, Mended)],
    (window, width): (Window, i64),
    out: &mut (dyn Write + Send),
) -> std::io::Result<()> {
    let totals: serde_json::Map<_, _> = tables.iter().map(|table| (table.name.clone(), json!(table.total()))).collect();
    let differences: Vec<_> = tables.iter().flat_map(|table| table.differences(window, width)).collect();
    let repaired: Vec<_> = repaired
        .iter()
        .map(|(difference, mended)| match mended {
            Ok((sent, even)) => json!({ "bin": difference, "sent": sent, "even": even }),
            Err(why) => json!({ "bin": difference, "error": why }),
        })
        .collect();
    writeln!(out, "{}", json!({ "tables": totals, "differences": differences, "repaired": repaired }))
}
