//! `pull status`: how far each pull has come, and its last runs.

use std::io::Write;

use time::OffsetDateTime;

use crate::pulls::Pulls;
use crate::pulls::pull::Pull;
use crate::pulls::state::{Run, State};
use crate::query::window::Ticks;

/// Writes it.
///
/// # Errors
/// The states cannot be read.
pub async fn status(pulls: &Pulls, json: bool, out: &mut (dyn Write + Send)) -> anyhow::Result<()> {
    let now = Ticks::of(OffsetDateTime::now_utc());
    for pull in pulls.pulls.iter() {
        let state = pulls.store.look(&pull.name).await?;
        if json {
            let due = next(pull, &state, now);
            let snapshot = state.snapshot.as_ref().map(|snapshot| &snapshot.id);
            let status = serde_json::json!({
                "pull": pull.name, "active": pull.active, "kind": pull.kind(), "schedule": pull.schedule.to_string(), "next": due,
                "watermark": state.watermark, "snapshot": snapshot, "running": state.run, "records_owed": state.owed.len(), "runs": state.runs,
            });
            writeln!(out, "{status}")?;
        } else {
            write(pull, &state, now, out)?;
        }
    }
    Ok(())
}

/// When it is due, as far as that is known.
fn next(pull: &Pull, state: &State, now: Ticks) -> Option<Ticks> {
    match state.finished {
        _ if !pull.active => None,
        Some(finished) => pull.schedule.next(finished),
        None => Some(now),
    }
}

fn write(pull: &Pull, state: &State, now: Ticks, out: &mut (dyn Write + Send)) -> std::io::Result<()> {
    write!(out, "{}: {}", pull.name, pull.kind())?;
    match (next(pull, state, now), state.watermark) {
        (None, _) => write!(out, ", not active")?,
        (Some(next), _) if next <= now => write!(out, ", due")?,
        (Some(next), _) => write!(out, ", next {next}")?,
    }
    if let Some(watermark) = state.watermark {
        write!(out, ", has come to {watermark}")?;
    }
    writeln!(out)?;
    if let Some(run) = &state.run {
        writeln!(out, "  {}  running, or ended without a word", run.began)?;
    }
    state.runs.iter().rev().try_for_each(|run| write_run(run, out))
}

fn write_run(run: &Run, out: &mut (dyn Write + Send)) -> std::io::Result<()> {
    let Run { began, rows, known, set_aside, perhaps_twice, duration_ms, reason, .. } = run;
    let status = serde_json::to_value(run.status).unwrap_or_default();
    let status = status.as_str().unwrap_or_default();
    write!(
        out,
        "  {began}  {status}: {rows} rows, {known} known before, {set_aside} set aside, at most {perhaps_twice} twice, {duration_ms} ms"
    )?;
    if !reason.is_empty() {
        write!(out, ": {reason}")?;
    }
    writeln!(out)?;
    run.notes.iter().try_for_each(|note| writeln!(out, "    {note}"))
}
