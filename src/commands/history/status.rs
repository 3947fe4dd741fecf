//! `history status`: what became of all slices.

use std::io::Write;

use futures::TryStreamExt as _;

use super::{megabytes, write_manifest};
use crate::history::History;
use crate::history::ledger::{Record, State};
use crate::history::progress::Totals;
use crate::query::window::Window;

/// Writes what became of all slices.
///
/// # Errors
/// The account cannot be read.
pub async fn status(
    history: &History,
    json: bool,
    manifests: bool,
    out: &mut (dyn Write + Send),
) -> anyhow::Result<()> {
    let keys = history.ledger.jobs().await?;
    if keys.is_empty() && !json {
        writeln!(out, "nothing was begun")?;
    }
    for key in &keys {
        let mut status = Status::default();
        let mut records = std::pin::pin!(history.ledger.records(key));
        while let Some(record) = records.try_next().await? {
            status.add(&record);
        }
        if json {
            writeln!(out, "{}", status.to_json(key))?;
        } else {
            status.write(key, out)?;
        }
        if manifests && let Some(window) = status.covered {
            for name in write_manifest(history, key, window).await? {
                writeln!(out, "  manifest: {name}")?;
            }
        }
    }
    Ok(())
}

/// What became of the slices of a job.
#[derive(Debug, Default)]
struct Status {
    done: u64,
    queued: u64,
    running: u64,
    left_behind: u64,
    failed: Vec<(Window, String)>,
    totals: Totals,
    covered: Option<Window>,
}

impl Status {
    fn add(&mut self, record: &Record) {
        match record.state {
            State::Done => self.done += 1,
            State::Queued => self.queued += 1,
            State::Failed => self.failed.push((record.slice.window, record.reason.clone())),
            State::Reading | State::Sending if record.is_alive(time::OffsetDateTime::now_utc()) => self.running += 1,
            State::Reading | State::Sending => self.left_behind += 1,
        }
        self.totals.slices += 1;
        self.totals.rows += record.rows;
        self.totals.bytes += record.bytes;
        self.totals.set_aside += record.set_aside;
        self.totals.perhaps_twice += record.perhaps_twice;
        let window = record.slice.window;
        self.covered =
            Some(self.covered.map_or(window, |covered| Window {
                from: covered.from.min(window.from),
                to: covered.to.max(window.to),
            }));
    }

    fn write(&self, key: &str, out: &mut (dyn Write + Send)) -> std::io::Result<()> {
        let Self { done, queued, running, left_behind, failed, totals, .. } = self;
        writeln!(
            out,
            "{key}: {done} slices done, {queued} queued, {running} running, {left_behind} left behind, {} failed; {} rows moved ({:.1} MB), {} set aside, at most {} \
             twice",
            failed.len(),
            totals.rows,
            megabytes(totals.bytes),
            totals.set_aside,
            totals.perhaps_twice
        )?;
        failed.iter().try_for_each(|(window, reason)| writeln!(out, "  failed: {window}: {reason}"))
    }

    fn to_json(&self, key: &str) -> serde_json::Value {
        let failed: Vec<_> = self
            .failed
            .iter()
            .map(|(window, reason)| serde_json::json!({ "window": window, "reason": reason }))
            .collect();
        serde_json::json!({
            "job": key, "done": self.done, "queued": self.queued, "running": self.running, "left_behind": self.left_behind, "failed": failed,
            "rows": self.totals.rows, "bytes": self.totals.bytes, "set_aside": self.totals.set_aside, "perhaps_twice": self.totals.perhaps_twice,
        })
    }
}
