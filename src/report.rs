//! What a visit did: counted while it goes, told once at its end, as one wide event in the log and one line in the host's answer.

use std::time::Instant;

use crate::azure::Properties;
use crate::refused::Kept;
use crate::ship::ShipError;
use crate::source::plan::Leave;
use crate::wake::ExportBlob;

/// How a visit ended, when nothing went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The blob does not exist: done before.
    Gone,
    /// Nothing to do.
    Left(Leave),
    /// Everything that was there is delivered; the blob stays until it is settled.
    Shipped,
    /// Everything is delivered and the blob is deleted.
    Deleted,
    /// The deadline came first: a later visit goes on.
    MoreToDo,
    /// The blob changed at every look: a later visit goes on.
    Changing,
    /// Not looked at: the table's last delivery failed for a reason that people must mend.
    Halted,
}

/// One visit.
#[derive(Debug)]
pub struct Visit {
    id: String,
    blob: String,
    table: String,
    dataset: Option<String>,
    begun: Instant,
    length: u64,
    rows: u64,
    set_aside: u64,
    body_bytes: u64,
    wire_bytes: u64,
    requests: u64,
    repeated_rows: u64,
    age_seconds: Option<i64>,
    warning: Option<String>,
    outcome: Option<Result<End, ShipError>>,
}

impl Visit {
    /// A visit that begins now.
    #[must_use]
    pub fn begin(blob: &ExportBlob) -> Self {
        Self {
            id: format!("{:016x}", fastrand::u64(..)),
            blob: blob.to_string(),
            table: blob.table().to_owned(),
            dataset: None,
            begun: Instant::now(),
            length: 0,
            rows: 0,
            set_aside: 0,
            body_bytes: 0,
            wire_bytes: 0,
            requests: 0,
            repeated_rows: 0,
            age_seconds: None,
            warning: None,
            outcome: None,
        }
    }

    /// The name that the visit claims blobs by: unlike any other visit's.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn saw(&mut self, seen: &Properties) {
        self.length = seen.length;
        self.age_seconds = Some((seen.now - seen.modified).whole_seconds());
    }

    pub(crate) fn dataset(&mut self, dataset: &str) {
        self.dataset = Some(dataset.to_owned());
    }

    pub(crate) fn settled(&mut self, kept: &Kept) {
        let tally = kept.delivered().tally();
        self.warning = kept.delivered().warning().map(str::to_owned).or(self.warning.take());
        self.set_aside += kept.set_aside();
        self.rows += tally.rows;
        self.body_bytes += tally.body_bytes;
        self.wire_bytes += tally.wire_bytes;
        self.requests += tally.requests;
        self.repeated_rows += tally.repeated_rows;
    }

    pub(crate) fn ended(&mut self, outcome: Result<End, ShipError>) {
        self.outcome = Some(outcome);
        self.log();
    }

    /// How it ended; `None` only while it goes.
    #[must_use]
    pub fn outcome(&self) -> Option<&Result<End, ShipError>> {
        self.outcome.as_ref()
    }

    /// Rows that Axiom has acknowledged.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Rows set aside.
    #[must_use]
    pub fn set_aside(&self) -> u64 {
        self.set_aside
    }

    /// One line for people.
    #[must_use]
    pub fn summary(&self) -> String {
        let Self { blob, rows, set_aside, .. } = self;
        let dataset = self.dataset.as_deref().unwrap_or("-");
        match &self.outcome {
            Some(Ok(End::Shipped | End::Deleted | End::MoreToDo)) => {
                format!("{blob}: {rows} rows delivered to {dataset}, {set_aside} set aside, {}", self.ending())
            }
            Some(Err(error)) => {
                format!("{blob}: {rows} rows delivered to {dataset}, {set_aside} set aside, then: {}", chain(error))
            }
            _ => format!("{blob}: {}", self.ending()),
        }
    }

    fn ending(&self) -> &'static str {
        match &self.outcome {
            None => "under way",
            Some(Ok(end)) => match end {
                End::Gone => "gone, so it was done before",
                End::Left(Leave::Claimed) => "another visit is at it",
                End::Left(Leave::Growing) => "all delivered, it may grow",
                End::Left(Leave::Unfinished) => "its last line is not finished",
                End::Left(Leave::Kept) => "all delivered, kept",
                End::Shipped => "blob stays until it is settled",
                End::Deleted => "blob deleted",
                End::MoreToDo => "more to do",
                End::Changing => "changes at every look, left to the next visit",
                End::Halted => "left alone for a minute, since its table's last delivery failed (see the error before)",
            },
            Some(Err(_)) => "failed",
        }
    }

    fn log(&self) {
        let milliseconds = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let error = match &self.outcome {
            Some(Err(error)) => Some(chain(error)),
            _ => None,
        };
        macro_rules! event {
            ($level:expr) => {
                tracing::event!(
                    $level,
                    visit = self.id,
                    table = self.table,
                    blob = self.blob,
                    dataset = self.dataset,
                    length_bytes = self.length,
                    rows = self.rows,
                    set_aside = self.set_aside,
                    body_bytes = self.body_bytes,
                    wire_bytes = self.wire_bytes,
                    requests = self.requests,
                    repeated_rows = self.repeated_rows,
                    quiet_seconds = self.age_seconds,
                    milliseconds,
                    warning = self.warning,
                    error,
                    "visit: {}",
                    self.ending()
                )
            };
        }
        match &self.outcome {
            Some(Err(_)) => event!(tracing::Level::ERROR),
            Some(Ok(End::Gone | End::Left(_) | End::Halted)) => event!(tracing::Level::DEBUG),
            _ => event!(tracing::Level::INFO),
        }
    }
}

/// An error with its causes, on one line.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        // Some libraries repeat the source in their own text.
        if !text.ends_with(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = error.source();
    }
    text.replace(['\n', '\r'], " ")
}
