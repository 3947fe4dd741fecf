//! One run of one pull, top to bottom: claim its state, ask, send, save, record.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::Pulls;
use super::kql::Query;
use super::page::NoWatermark;
use super::pull::{INGESTION_TIME, Mode, Pull, Source};
use super::sink::{Sink, SinkError};
use super::state::{Run, State, Status};
use super::store::{Claim, Held, StoreError};
use crate::loganalytics::{Plan, explore};
use crate::query::AskError;
use crate::query::rows::{Column, Rows};
use crate::query::window::{Ticks, Window};
use crate::report::chain;
use crate::ship::Until;

/// Times that a query for next to nothing may time out.
const SMALL_TRIES: u32 = 5;

/// What became of a pull.
#[derive(Debug)]
pub enum Ran {
    /// It ran; the record says how.
    Ran(Box<Run>),
    /// Its schedule says: later.
    NotDue,
    /// Another run is at it.
    Taken,
}

/// A run was given up. What it delivered stays delivered; the next run goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    /// The source.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// The destination.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// The state.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It began as something else.
    #[error(
        "go on with this pull: it began as {began:?} and is {is:?} now, so what it has reached means nothing (give it a new name)"
    )]
    Changed {
        /// What it was.
        began: String,
        /// What it is.
        is: String,
    },
    /// There is no such column.
    #[error(
        "find the watermark {watermark}: the query gives no such column with times, but {columns} (name one of the type datetime)"
    )]
    NoColumn {
        /// What was to be there.
        watermark: String,
        /// What is there, with types.
        columns: String,
    },
    /// A row has none.
    #[error(transparent)]
    NoWatermark(#[from] NoWatermark),
    /// The rows of one part are too many, however fine it is.
    #[error("read the rows {of}: they are too many or too large even in {parts} parts: {why}")]
    Indivisible {
        /// Which.
        of: String,
        /// How many parts there are.
        parts: u32,
        /// What the service says.
        why: String,
    },
    /// The reply is none.
    #[error("read the count of rows: {0}")]
    Count(String),
    /// The end was asked for, or the time is over: no failure.
    #[error("end when asked")]
    Over,
}

/// A run under way.
pub(super) struct Running<'a> {
    pub(super) pulls: &'a Pulls,
    pub(super) pull: &'a Pull,
    pub(super) sink: Sink<'a>,
    pub(super) held: Held,
    /// The time by the clock of this program, or of the service where that is earlier.
    pub(super) now: Ticks,
    pub(super) until: &'a Until,
    /// Where the next rows begin, in bytes of this run.
    offset: u64,
}

/// Runs a pull if it is due, or in any case if `anyway`.
///
/// # Errors
/// The state cannot be kept. Whatever else goes wrong is in the record.
pub async fn run(pulls: &Pulls, pull: &Pull, now: Ticks, until: &Until, anyway: bool) -> Result<Ran, StoreError> {
    let due = |state: &State| anyway || state.snapshot.is_some() || pull.schedule.is_due(state.finished, now);
    if !due(&pulls.store.look(&pull.name).await?) {
        return Ok(Ran::NotDue);
    }
    let Claim::Ours(mut held) = pulls.store.claim(&pull.name).await? else { return Ok(Ran::Taken) };
    if !due(&held.state) {
        held.release().await?;
        return Ok(Ran::NotDue);
    }
    held.state.broke_off();
    let began = OffsetDateTime::now_utc();
    let run = format!("{}-{:08x}", now.compact(), fastrand::u32(..));
    held.state.run = Some(Run { pull: pull.name.clone(), run, began: rfc3339(began), ..Run::default() });
    held.save().await?;
    let mut running = Running { pulls, pull, sink: Sink::of(pulls, pull), held: *held, now, until, offset: 0 };
    let ended = running.work().await;
    if let Err(PullError::Store(error)) = ended {
        return Err(error);
    }
    running.finish(ended, began).await.map(|run| Ran::Ran(Box::new(run)))
}

/// What some work gives, or none when the end comes first.
pub(super) async fn unless_over<T>(until: &Until, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        done = work => Some(done),
        () = until.reached() => None,
    }
}

fn rfc3339(time: OffsetDateTime) -> String {
    time.format(&Rfc3339).unwrap_or_default()
}

impl Running<'_> {
    async fn work(&mut self) -> Result<(), PullError> {
        let (is, state) = (self.pull.kind(), &mut self.held.state);
        if state.kind.is_empty() {
            state.kind.clone_from(&is);
        }
        if state.kind != is {
            return Err(PullError::Changed { began: state.kind.clone(), is });
        }
        match &self.pull.mode {
            Mode::Incremental(by) => self.incremental(by).await,
            Mode::Snapshot { key } => self.snapshot(key).await,
        }
    }

    /// Ends the run and writes its record. That the record does not arrive is no failure: it goes with that of the next run.
    async fn finish(mut self, ended: Result<(), PullError>, began: OffsetDateTime) -> Result<Run, StoreError> {
        let (status, reason) = match &ended {
            Ok(()) => (Status::Done, String::new()),
            Err(PullError::Over) => (Status::Stopped, String::new()),
            Err(error) => (Status::Failed, chain(error)),
        };
        let state = &mut self.held.state;
        if status == Status::Done {
            state.finished = Some(self.now);
        }
        // Rows that were on their way when it failed may have arrived, and come again.
        let perhaps_twice = std::mem::take(&mut state.sending);
        let now = OffsetDateTime::now_utc();
        state.end_run(|run| {
            (run.status, run.reason) = (status, reason);
            run.perhaps_twice += perhaps_twice;
            run.ended = rfc3339(now);
            run.duration_ms = u64::try_from((now - began).whole_milliseconds()).unwrap_or_default();
        });
        let run = state.runs.last().cloned().unwrap_or_default();
        let owed = state.owed.clone();
        self.held.save().await?;
        let recorded = async {
            tokio::select! {
                recorded = self.sink.record(self.pulls, &owed) => recorded.map_err(PullError::from),
                () = self.until.long_over() => Err(PullError::Over),
            }
        };
        match self.held.renewing(recorded).await? {
            Ok(()) => self.held.state.owed.clear(),
            Err(error) => tracing::warn!(
                pull = run.pull,
                error = chain(&error),
                "the record of a run did not arrive: it goes with that of the next run"
            ),
        }
        self.held.release().await?;
        Ok(run)
    }

    /// The record of this run.
    pub(super) fn run(&mut self) -> &mut Run {
        self.held.state.run.get_or_insert_default()
    }

    pub(super) async fn ask(&mut self, kql: &str, span: Option<Window>) -> Result<Rows, PullError> {
        let asked = unless_over(self.until, self.pulls.ask(self.pull, kql, span));
        Ok(self.held.renewing(asked).await?.ok_or(PullError::Over)??)
    }

    /// Asks for something small. That it is too much only says that this was a bad moment.
    async fn ask_small(&mut self, kql: &str, span: Option<Window>) -> Result<Rows, PullError> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.ask(kql, span).await {
                Err(PullError::Ask(AskError::TooMuch(_))) if tries < SMALL_TRIES => {}
                reply => return reply,
            }
        }
    }

    /// The number that a query counts.
    pub(super) async fn count(&mut self, kql: &str, span: Option<Window>) -> Result<u64, PullError> {
        #[derive(serde::Deserialize)]
        struct Count {
            #[serde(rename = "Rows")]
            rows: u64,
        }
        let rows = self.ask_small(kql, span).await?;
        let line = rows.lines.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let count: Count = serde_json::from_slice(line).map_err(|error| PullError::Count(error.to_string()))?;
        Ok(count.rows)
    }

    /// The columns that come only when they are named, as far as the source has them.
    pub(super) async fn hidden(&mut self) -> Result<Vec<String>, PullError> {
        let (Source::LogAnalytics(plan), Some(log_analytics)) = (self.pull.source, &self.pulls.log_analytics) else {
            return Ok(Vec::new());
        };
        let kql = &self.pull.kql;
        let columns = |names: &[String]| Query::snapshot(kql, names, &[]).sample();
        let hidden = explore::hidden(log_analytics, columns, plan);
        Ok(self.held.renewing(unless_over(self.until, hidden)).await?.ok_or(PullError::Over)??)
    }

    /// Asks for the columns and some rows; learns the service's clock on the way.
    pub(super) async fn sample(&mut self, kql: &str) -> Result<Rows, PullError> {
        let reply = self.ask_small(kql, self.is_billed().then_some(explore::NONE)).await?;
        if let Some(served) = reply.served {
            // A clock that goes ahead must not make us believe that rows of its future had all come.
            self.now = self.now.min(served);
        }
        Ok(reply)
    }

    /// Whether each question costs, by the time that it is about.
    pub(super) fn is_billed(&self) -> bool {
        self.pull.source == Source::LogAnalytics(Plan::Basic)
    }

    /// Sees that rows with these columns, and the ones that we add, can come.
    pub(super) async fn prepare(&mut self, columns: &[Column], more: &[(&str, &str)]) -> Result<(), PullError> {
        let more = more.iter().map(|(name, kind)| Column { name: (*name).to_owned(), kind: (*kind).to_owned() });
        let own = columns.iter().filter(|column| column.name != super::kql::PULLED_AT).cloned();
        let columns: Vec<_> = own.chain(more).collect();
        Ok(self.held.renewing(self.sink.prepare(&columns)).await??)
    }

    /// Sends rows; the state says that they are on their way, and afterwards what `arrived` makes of it.
    pub(super) async fn send(
        &mut self,
        rows: u64,
        lines: &[u8],
        arrived: impl FnOnce(&mut State),
    ) -> Result<(), PullError> {
        self.held.state.sending = rows;
        self.held.save().await?;
        let source = format!("pulls/{}/{}", self.pull.name, self.held.state.run.as_ref().map_or("", |run| &run.run));
        let sent = async {
            tokio::select! {
                sent = self.sink.deliver((&source, self.offset), rows, lines) => sent.map_err(PullError::from),
                () = self.until.long_over() => Err(PullError::Over),
            }
        };
        let sent = self.held.renewing(sent).await??;
        self.offset += lines.len() as u64;
        self.held.state.sending = 0;
        let run = self.run();
        run.rows += sent.rows;
        run.set_aside += sent.set_aside;
        run.perhaps_twice += sent.perhaps_twice;
        run.bytes += lines.len() as u64;
        run.pages += 1;
        arrived(&mut self.held.state);
        self.held.save().await?;
        Ok(())
    }

    /// What an error calls the watermark.
    pub(super) fn no_column(watermark: &str, columns: &[Column]) -> PullError {
        let watermark = if watermark == super::kql::PULLED_AT { INGESTION_TIME } else { watermark };
        let columns: Vec<_> = columns.iter().map(|column| format!("{} ({})", column.name, column.kind)).collect();
        PullError::NoColumn { watermark: watermark.to_owned(), columns: columns.join(", ") }
    }
}
