//! What a visit did: counted while it goes, told once at its end, as one wide event in the log and one line in the host's answer.

use std::time::{Duration, Instant};

use serde_json::{Map, Value};

use crate::azure::Properties;
use crate::refused::Kept;
use crate::ship::ShipError;
use crate::source::plan::Leave;
use crate::telemetry;
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

/// What a visit does, one after the other.
#[derive(Debug, Clone, Copy)]
pub enum Stage {
    /// Looking at the blob.
    Look,
    /// Reading, cutting and packing the first batch.
    Cut,
    /// Claiming the blob.
    Claim,
    /// Sending all batches while the rest of them are cut.
    Send,
    /// Storing the offset, giving the claim up or deleting.
    Settle,
}

/// Names of the stages, in their order.
const STAGES: [&str; 5] = ["look_ms", "cut_ms", "claim_ms", "send_ms", "settle_ms"];

/// One visit.
#[derive(Debug)]
pub struct Visit {
    id: String,
    blob: String,
    table: String,
    dataset: Option<String>,
    begun: Instant,
    /// When the last stage ended.
    mark: Instant,
    stages: [Duration; 5],
    level: Option<i32>,
    length: u64,
    rows: u64,
    set_aside: u64,
    body_bytes: u64,
    wire_bytes: u64,
    requests: u64,
    repeated_rows: u64,
    age_seconds: Option<i64>,
    seen_at: Option<Instant>,
    /// From the last append to the last acknowledgement.
    lag_seconds: Option<f64>,
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
            mark: Instant::now(),
            stages: [Duration::ZERO; 5],
            level: None,
            length: 0,
            rows: 0,
            set_aside: 0,
            body_bytes: 0,
            wire_bytes: 0,
            requests: 0,
            repeated_rows: 0,
            age_seconds: None,
            seen_at: None,
            lag_seconds: None,
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
        self.seen_at = Some(Instant::now());
        self.spent(Stage::Look);
    }

    /// The time since the last stage went into this one.
    pub(crate) fn spent(&mut self, stage: Stage) {
        let now = Instant::now();
        self.stages[stage as usize] += now - self.mark;
        self.mark = now;
    }

    pub(crate) fn level(&mut self, level: i32) {
        self.level = Some(level);
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
        if let (Some(age), Some(seen_at), true) = (self.age_seconds, self.seen_at, tally.rows > 0) {
            // Ages of blobs are far below what a float holds exactly.
            #[allow(clippy::cast_precision_loss, reason = "see above")]
            let age = age as f64;
            self.lag_seconds = Some(age + seen_at.elapsed().as_secs_f64());
        }
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

    /// The visit as a row of telemetry: names as OpenTelemetry has them, where it has any ("Semantic conventions", "General attributes").
    #[must_use]
    pub fn event(&self) -> Map<String, Value> {
        let error = match &self.outcome {
            Some(Err(error)) => Some(chain(error)),
            _ => None,
        };
        let mut event = telemetry::event("visit");
        let members = serde_json::json!({
            "visit.id": self.id,
            "azure.table": self.table,
            "azure.blob": self.blob,
            "axiom.dataset": self.dataset,
            "bytes": self.body_bytes,
            "blob_bytes": self.length,
            "rows": self.rows,
            "set_aside": self.set_aside,
            "duplicates": self.repeated_rows,
            "attempts": self.requests,
            "wire_bytes": self.wire_bytes,
            "zstd.level": self.level,
            "lag_seconds": self.lag_seconds,
            "duration_ms": milliseconds(self.begun.elapsed()),
            "outcome": self.outcome_name(),
            "outcome.text": self.ending(),
            "error.message": error,
        });
        for (name, value) in members.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
            event.insert(name.clone(), value.clone());
        }
        for (name, spent) in STAGES.iter().zip(self.stages) {
            event.insert(format!("stage.{name}"), milliseconds(spent).into());
        }
        event
    }

    fn outcome_name(&self) -> &'static str {
        match &self.outcome {
            None => "under way",
            Some(Err(_)) => "failed",
            Some(Ok(end)) => match end {
                End::Gone => "gone",
                End::Left(_) => "left",
                End::Shipped => "shipped",
                End::Deleted => "deleted",
                End::MoreToDo => "more_to_do",
                End::Changing => "changing",
                End::Halted => "halted",
            },
        }
    }

    /// False for a visit that found nothing to do: telemetry tells of those that did something, or failed to.
    #[must_use]
    pub fn is_telling(&self) -> bool {
        !matches!(self.outcome, Some(Ok(End::Gone | End::Left(_) | End::Halted)))
    }

    fn log(&self) {
        let milliseconds = milliseconds(self.begun.elapsed());
        let [look_ms, cut_ms, claim_ms, send_ms, settle_ms] = self.stages.map(self::milliseconds);
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
                    lag_seconds = self.lag_seconds,
                    zstd_level = self.level,
                    milliseconds,
                    look_ms,
                    cut_ms,
                    claim_ms,
                    send_ms,
                    settle_ms,
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

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
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
