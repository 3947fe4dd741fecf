//! A snapshot: all rows of a table that tells its present state, under one name and one time, perhaps over several runs.

use futures::stream::{FuturesUnordered, StreamExt as _};
use tokio_util::task::AbortOnDropHandle;

use super::incremental::{PARTS, divide};
use super::kql::Query;
use super::page::{PageSize, write_line};
use super::run::{PullError, Running, unless_over};
use super::state::Snapshot;
use crate::loganalytics::kql::{Part, WHOLE};
use crate::query::AskError;
use crate::query::rows::{Column, Rows};

/// Parts that are asked for at a time.
const AT_ONCE: usize = 4;

impl Running<'_> {
    pub(super) async fn snapshot(&mut self, key: &[String]) -> Result<(), PullError> {
        let query = Query::snapshot(&self.pull.kql, &self.hidden().await?, key);
        let sample = self.sample(&query.sample()).await?;
        let size = PageSize::for_rows_like(&sample).rows;
        let columns = sample.columns;
        let mut more = vec![("observed_at", "datetime"), ("snapshot_id", "string")];
        if !columns.iter().any(|column| column.name == "TimeGenerated") {
            more.push(("TimeGenerated", "datetime"));
        }
        self.prepare(&columns, &more).await?;
        self.begin(&query, size).await?;
        // No hash is quite even.
        self.parts(&query, &columns, size.saturating_mul(2)).await?;
        let complete = self.held.state.snapshot.take();
        self.run().snapshot_rows = complete.map(|snapshot| snapshot.rows);
        Ok(())
    }

    /// Begins a snapshot in parts of about so many rows, or goes on with the one that was begun, unless the next one is due by now.
    async fn begin(&mut self, query: &Query, size: u64) -> Result<(), PullError> {
        let (now, schedule) = (self.now, &self.pull.schedule);
        if let Some(old) = self.held.state.snapshot.take_if(|snapshot| schedule.is_due(Some(snapshot.at), now)) {
            let note = format!(
                "snapshot {} was given up, as the next one was due: {} of {} rows came",
                old.id, old.rows, old.counted
            );
            tracing::warn!(pull = self.pull.name, "{note}");
            self.run().notes.push(note);
        }
        if self.held.state.snapshot.is_none() {
            let counted = self.count(&query.count(None), None).await?;
            let parts = counted.div_ceil(size).clamp(1, u64::from(PARTS));
            let left = WHOLE.divided(u32::try_from(parts).unwrap_or(PARTS)).rev().collect();
            let id = self.run().run.clone();
            self.held.state.snapshot = Some(Snapshot { id, at: now, left, counted, rows: 0 });
        }
        let id = self.held.state.snapshot.as_ref().map(|snapshot| snapshot.id.clone());
        self.run().snapshot = id.unwrap_or_default();
        Ok(self.held.save().await?)
    }

    /// Reads several parts at a time and delivers them as they come.
    async fn parts(&mut self, query: &Query, columns: &[Column], most: u64) -> Result<(), PullError> {
        let (pulls, pull) = (self.pulls, self.pull);
        // Tasks of their own: while rows are on their way to a slow destination, a reply must not wait for us until its time is over.
        let read = |part: Part| {
            let (pulls, pull, kql) = (pulls.clone(), pull.clone(), query.part(None, part, most));
            AbortOnDropHandle::new(tokio::spawn(async move { (part, pulls.ask(&pull, &kql, None).await) }))
        };
        let mut waiting = self.held.state.snapshot.as_ref().map(|snapshot| snapshot.left.clone()).unwrap_or_default();
        let mut reading = FuturesUnordered::new();
        loop {
            while reading.len() < AT_ONCE && !self.until.over() {
                let Some(part) = waiting.pop() else { break };
                reading.push(read(part));
            }
            // What is being read when the end is asked for is read again.
            if self.until.over() {
                return Err(PullError::Over);
            }
            let next = unless_over(self.until, reading.next());
            let Some(read) = self.held.renewing(next).await?.ok_or(PullError::Over)? else { return Ok(()) };
            let (part, reply) = read.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
            let why = match reply {
                Ok(reply) if reply.count < most => {
                    self.deliver_part(part, &reply, columns).await?;
                    continue;
                }
                Ok(reply) => format!("{} rows came", reply.count),
                Err(AskError::TooMuch(why)) => why,
                Err(error) => return Err(error.into()),
            };
            let finer = divide(part, &why, || "of the snapshot".to_owned())?;
            if let Some(snapshot) = &mut self.held.state.snapshot {
                snapshot.left.retain(|left| *left != part);
                snapshot.left.extend(&finer);
            }
            waiting.extend(finer);
        }
    }

    async fn deliver_part(&mut self, part: Part, reply: &Rows, columns: &[Column]) -> Result<(), PullError> {
        let Some(Snapshot { id, at, .. }) = &self.held.state.snapshot else { return Ok(()) };
        let mut more = format!("\"observed_at\":\"{at}\",\"snapshot_id\":\"{id}\"");
        if !columns.iter().any(|column| column.name == "TimeGenerated") {
            more += &format!(",\"TimeGenerated\":\"{at}\"");
        }
        let mut lines =
            Vec::with_capacity(reply.lines.len() + usize::try_from(reply.count).unwrap_or_default() * more.len());
        for line in reply.lines.split_inclusive(|byte| *byte == b'\n') {
            write_line(line, &more, &mut lines);
        }
        let rows = reply.count;
        self.send(rows, &lines, |state| {
            if let Some(snapshot) = &mut state.snapshot {
                snapshot.left.retain(|left| *left != part);
                snapshot.rows += rows;
            }
        })
        .await
    }
}
