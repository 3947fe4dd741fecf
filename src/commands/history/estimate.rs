//! `history estimate`: what moving takes, and nothing is moved.

use std::io::Write;
use std::time::Duration;

use super::{counted, jobs, megabytes};
use crate::app::App;
use crate::cli::{Destination, What};
use crate::history::History;
use crate::history::estimate::{Day, Estimate};
use crate::history::progress::duration;
use crate::loganalytics::kql::day;

/// Writes what moving would take, by table and day.
///
/// # Errors
/// The workspace does not answer.
pub async fn estimate(
    history: &History,
    app: &App,
    what: &What,
    json: bool,
    out: &mut (dyn Write + Send),
) -> anyhow::Result<()> {
    let (mut days, mut total, mut tables) = (Vec::new(), Estimate::default(), Vec::new());
    for job in jobs(history, app, what, (Destination::Axiom, false)).await? {
        let (bins, calls) = counted(history, &job, what.window()?).await?;
        days.extend(bins.iter().map(|bin| Day {
            table: job.name.clone(),
            day: day(bin.from),
            rows: bin.rows,
            bytes: bin.bytes,
        }));
        let estimate = Estimate::of(&bins, calls, job.plan, what.slice_rows);
        tables.push((job.name.clone(), estimate));
        total = total.with(estimate);
    }
    if json {
        let tables: serde_json::Map<_, _> =
            tables.into_iter().map(|(name, estimate)| (name, serde_json::json!(estimate))).collect();
        writeln!(out, "{}", serde_json::json!({ "days": days, "tables": tables, "total": total }))?;
        return Ok(());
    }
    writeln!(out, "{:<30} {:<10} {:>14} {:>12}", "table", "day", "rows", "MB")?;
    for Day { table, day, rows, bytes } in &days {
        writeln!(out, "{table:<30} {day:<10} {rows:>14} {:>12.1}", megabytes(*bytes))?;
    }
    writeln!(out, "\n{:<30} {:>14} {:>12} {:>8} {:>12} {:>10}", "table", "rows", "MB", "calls", "time", "US$ Azure")?;
    tables.push(("all".to_owned(), total));
    for (name, estimate) in &tables {
        let Estimate { rows, bytes, calls, seconds, dollars, .. } = *estimate;
        let time = duration(Duration::try_from_secs_f64(seconds).unwrap_or_default());
        writeln!(out, "{name:<30} {rows:>14} {:>12.1} {calls:>8} {time:>12} {dollars:>10.2}", megabytes(bytes))?;
    }
    let arrives = total.json_bytes / 1e9;
    writeln!(out, "\nAbout {arrives:.2} GB of JSON would arrive; Axiom bills them by its plan. Nothing was moved.")?;
    Ok(())
}
