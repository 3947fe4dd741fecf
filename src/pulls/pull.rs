//! What a pull is. Pure.

use std::time::Duration;

use chrono::{DateTime, Utc};
use croner::Cron;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::loganalytics::Plan;
use crate::query::window::Ticks;

/// What stands for the time at which Log Analytics took a row in.
pub const INGESTION_TIME: &str = "ingestion_time()";

/// One table, or what one query gives, asked for again and again.
#[derive(Debug, Clone, PartialEq)]
pub struct Pull {
    /// Names its cursor and its records; letters, digits, hyphens and underscores.
    pub name: String,
    /// Who is asked.
    pub source: Source,
    /// A table's name or a query in KQL.
    pub kql: String,
    /// The table, where it is one.
    pub table: Option<String>,
    /// What is new in it.
    pub mode: Mode,
    /// When.
    pub schedule: Schedule,
    /// Where rows go.
    pub destination: Destination,
    /// Whether it runs at all.
    pub active: bool,
}

/// Who is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The workspace, about a table of this plan.
    LogAnalytics(Plan),
    /// Advanced hunting of Defender XDR.
    Hunting,
}

/// What is new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// Rows whose watermark was not reached before.
    Incremental(Incremental),
    /// All rows, each time.
    Snapshot {
        /// Columns by whose hash a table that is too large for one query is cut: all rows of one key come in one reply. Without any, whole rows are hashed.
        key: Vec<String>,
    },
}

/// How rows are found that were not reached before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incremental {
    /// A column with times, or [`INGESTION_TIME`].
    pub watermark: String,
    /// Where the first run begins.
    pub start: Start,
    /// Rows younger than this wait: others may still come before them.
    pub lag: Duration,
    /// So far before the watermark it is looked again for rows that came late.
    pub overlap: Duration,
    /// Log Analytics alone: how old `TimeGenerated` may be when a row comes in.
    pub reach: Duration,
}

/// Where the first run begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// So long before it.
    Ago(Duration),
    /// At this time.
    At(Ticks),
}

/// Where rows go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// A dataset; without a name, that of the table as for exported rows.
    Axiom(Option<String>),
    /// A table of Azure Data Explorer or Fabric Eventhouse.
    Kusto(Box<KustoTable>),
}

/// A table of Azure Data Explorer or Fabric Eventhouse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KustoTable {
    /// The cluster's address, for queries and commands.
    pub cluster: Url,
    /// The address for ingestion; without it `ingest-` before the cluster's name.
    pub ingest: Option<Url>,
    /// The database.
    pub database: String,
    /// The table.
    pub table: String,
    /// The mapping's name.
    pub mapping: String,
    /// One column `Records: dynamic` for the whole row, instead of a column for each.
    pub raw: bool,
    /// Create the table and the mapping where they are missing.
    pub create: bool,
    /// Streaming instead of queued ingestion.
    pub streaming: bool,
}

/// When a pull is due: six fields, seconds first, UTC.
#[derive(Debug, Clone)]
pub struct Schedule {
    text: String,
    cron: Cron,
}

impl Schedule {
    /// Reads an expression such as `0 */15 * * * *`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let parser = croner::parser::CronParser::builder().seconds(croner::parser::Seconds::Required).build();
        let cron = parser.parse(text).map_err(|error| error.to_string())?;
        Ok(Self { text: text.to_owned(), cron })
    }

    /// Whether it fired between `last` (not included) and `now`; never to have run is to be due.
    #[must_use]
    pub fn is_due(&self, last: Option<Ticks>, now: Ticks) -> bool {
        last.is_none_or(|last| self.next(last).is_some_and(|next| next <= now))
    }

    /// The first time after this one.
    #[must_use]
    pub fn next(&self, after: Ticks) -> Option<Ticks> {
        let after: DateTime<Utc> = DateTime::from_timestamp_nanos(after.0.checked_mul(100)?);
        let next = self.cron.find_next_occurrence(&after, false).ok()?;
        Some(Ticks(next.timestamp_nanos_opt()? / 100))
    }
}

impl PartialEq for Schedule {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl std::fmt::Display for Schedule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl Pull {
    /// What must stay the same while its cursor means anything: another source, mode or watermark is another pull.
    #[must_use]
    pub fn kind(&self) -> String {
        let source = match self.source {
            Source::LogAnalytics(_) => "log-analytics",
            Source::Hunting => "hunting",
        };
        match &self.mode {
            Mode::Incremental(incremental) => format!("{source}, incremental by {}", incremental.watermark),
            Mode::Snapshot { .. } => format!("{source}, snapshot"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn due_once_for_each_time_of_the_schedule_and_at_once_at_first() {
        let at = |text: &str| Ticks::parse(text).unwrap();
        let schedule = Schedule::parse("0 0 3 * * *").unwrap();
        let due = |last: Option<&str>, now| schedule.is_due(last.map(at), at(now));
        assert!(due(None, "2026-01-01T00:00:00Z"));
        assert!(!due(Some("2026-01-01T03:00:00Z"), "2026-01-02T02:59:59Z"));
        assert!(due(Some("2026-01-01T03:00:00Z"), "2026-01-02T03:00:00Z"));
        assert!(due(Some("2026-01-01T02:00:00Z"), "2026-01-05T12:00:00Z"), "late is due, once");
        assert!(!due(Some("2026-01-05T12:00:00Z"), "2026-01-05T12:05:00Z"));
        for text in ["", "* * * * *", "0 61 * * * *", "daily"] {
            assert!(Schedule::parse(text).is_err(), "{text}");
        }
    }
}
