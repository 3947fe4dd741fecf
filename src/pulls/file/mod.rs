//! `pulls.toml`: read as a whole, every mistake reported with its line. Pure.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use url::Url;

use super::pull::{Destination, INGESTION_TIME, Incremental, KustoTable, Mode, Pull, Schedule, Source, Start};
use crate::loganalytics::Plan;
use crate::loganalytics::kql::is_table;
use crate::query::window::Ticks;

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Its line, from 1.
    pub line: usize,
    /// What is wrong, and what to do about it.
    pub what: String,
}

/// Everything that is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Problems {
    /// The file's name.
    pub file: String,
    /// In the order of the lines.
    pub problems: Vec<Problem>,
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "read {}: {} mistakes", self.file, self.problems.len())?;
        self.problems.iter().try_for_each(|Problem { line, what }| write!(f, "\n  line {line}: {what}"))
    }
}

/// Reads a file's text.
///
/// # Errors
/// All mistakes at once.
pub fn read(file: &str, text: &str) -> Result<Vec<Pull>, Problems> {
    let mut reader = Reader { text, problems: Vec::new() };
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        reader.problem(error.span().map_or(0, |span| span.start), error.message());
    }
    let pulls = if reader.problems.is_empty() { reader.pulls(table.get_ref()) } else { Vec::new() };
    if reader.problems.is_empty() {
        return Ok(pulls);
    }
    reader.problems.sort_by_key(|problem| problem.line);
    Err(Problems { file: file.to_owned(), problems: reader.problems })
}

struct Reader<'a> {
    text: &'a str,
    problems: Vec<Problem>,
}

/// The entries of a table, taken out one by one; what is left over is a mistake.
struct Entries<'a> {
    left: Vec<(&'a Spanned<Cow<'a, str>>, &'a Spanned<DeValue<'a>>)>,
    /// Where the table begins, in bytes.
    at: usize,
    /// What the entries are called in messages.
    of: &'static str,
}

impl<'a> Entries<'a> {
    fn new(table: &'a DeTable<'a>, at: usize, of: &'static str) -> Self {
        Self { left: table.iter().collect(), at, of }
    }

    fn take(&mut self, name: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        let at = self.left.iter().position(|(key, _)| key.get_ref() == name)?;
        Some(self.left.remove(at).1)
    }
}

impl<'a> Reader<'a> {
    fn problem(&mut self, at: usize, what: impl Into<String>) {
        let line = 1 + self.text.as_bytes()[..at.min(self.text.len())].iter().filter(|byte| **byte == b'\n').count();
        self.problems.push(Problem { line, what: what.into() });
    }

    fn pulls(&mut self, table: &'a DeTable<'a>) -> Vec<Pull> {
        let mut entries = Entries::new(table, 0, "the file");
        let list = entries.take("pull");
        self.nothing_left(&entries, "each pull begins with [[pull]]");
        let Some(list) = list else {
            self.problem(0, "there is no pull: each begins with [[pull]]");
            return Vec::new();
        };
        let DeValue::Array(array) = list.get_ref() else {
            self.problem(list.span().start, "pull is no list: begin each pull with [[pull]]");
            return Vec::new();
        };
        let mut pulls: Vec<Pull> = Vec::new();
        for item in array.iter() {
            let DeValue::Table(table) = item.get_ref() else {
                self.problem(item.span().start, "a pull is no table: begin it with [[pull]]");
                continue;
            };
            let mut entries = Entries::new(table, item.span().start, "a pull");
            let Some(pull) = self.pull(&mut entries) else { continue };
            if pulls.iter().any(|other| other.name.eq_ignore_ascii_case(&pull.name)) {
                self.problem(
                    entries.at,
                    format!("two pulls are called {:?}: names are keys, give each its own", pull.name),
                );
            }
            pulls.push(pull);
        }
        pulls
    }

    fn pull(&mut self, entries: &mut Entries<'a>) -> Option<Pull> {
        let name = self.required(entries, "name").filter(|(name, at)| self.is_name(name, *at)).map(|(name, _)| name);
        let source = self.source(entries);
        let what = self.what(entries);
        let mode = self.mode(entries, source, what.as_ref());
        let schedule = self.required(entries, "schedule").and_then(|(text, at)| {
            let form = "give six fields, seconds first, such as \"0 */15 * * * *\" (UTC)";
            Schedule::parse(&text)
                .map_err(|error| self.problem(at, format!("schedule is {text:?}: {form} ({error})")))
                .ok()
        });
        let destination = self.destination(entries, what.as_ref());
        let active = self.flag(entries, "active", true);
        self.nothing_left(entries, "");
        let (kql, table) = what?;
        Some(Pull {
            name: name?,
            source: source?,
            kql,
            table,
            mode: mode?,
            schedule: schedule?,
            destination: destination?,
            active,
        })
    }

    fn is_name(&mut self, name: &str, at: usize) -> bool {
        let good = (1..=60).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        if !good {
            self.problem(at, format!("name is {name:?}: use up to 60 letters, digits, hyphens and underscores"));
        }
        good
    }

    fn source(&mut self, entries: &mut Entries<'a>) -> Option<Source> {
        let (text, at) = self.required(entries, "source")?;
        let plan = self.text(entries, "plan");
        let source = match text.as_str() {
            "log-analytics" => Source::LogAnalytics(Plan::Analytics),
            "hunting" => Source::Hunting,
            _ => {
                self.problem(at, format!("source is {text:?}: use log-analytics or hunting"));
                return None;
            }
        };
        match (source, plan) {
            (source, None) => Some(source),
            (Source::LogAnalytics(_), Some((plan, _))) if plan == "analytics" => Some(source),
            (Source::LogAnalytics(_), Some((plan, _))) if plan == "basic" => Some(Source::LogAnalytics(Plan::Basic)),
            (_, Some((plan, at))) => {
                self.problem(at, format!("plan is {plan:?}: use analytics or basic, and with log-analytics alone"));
                None
            }
        }
    }

    /// The query, and the table where it is one.
    fn what(&mut self, entries: &mut Entries<'a>) -> Option<(String, Option<String>)> {
        match (self.text(entries, "table"), self.text(entries, "query")) {
            (Some((table, _)), None) if is_table(&table) => Some((table.clone(), Some(table))),
            (Some((table, at)), None) => {
                let what = format!("table is {table:?}: letters, digits and underscores (a query goes into query)");
                self.problem(at, what);
                None
            }
            (None, Some((query, _))) => Some((query.trim().trim_end_matches(';').trim_end().to_owned(), None)),
            (Some(_), Some((_, at))) => {
                self.problem(at, "both table and query are given: give one");
                None
            }
            (None, None) => {
                self.problem(entries.at, "neither table nor query is given: give one");
                None
            }
        }
    }

    fn mode(
        &mut self,
        entries: &mut Entries<'a>,
        source: Option<Source>,
        what: Option<&(String, Option<String>)>,
    ) -> Option<Mode> {
        let (mode, at) = self.required(entries, "mode")?;
        match mode.as_str() {
            "incremental" => self.incremental(entries, source, what).map(Mode::Incremental),
            "snapshot" if source == Some(Source::LogAnalytics(Plan::Basic)) => {
                let what = "a snapshot of a table of the plan basic would be billed for all of it again and again: use incremental";
                self.problem(at, what);
                None
            }
            "snapshot" => {
                let key = self.text(entries, "key");
                let columns: Vec<String> =
                    key.iter().flat_map(|(key, _)| key.split(',')).map(|column| column.trim().to_owned()).collect();
                if let Some((key, at)) = key.filter(|_| columns.iter().any(|column| !is_table(column))) {
                    self.problem(
                        at,
                        format!("key is {key:?}: give columns, such as \"DeviceId\" or \"DeviceId, CveId\""),
                    );
                    return None;
                }
                Some(Mode::Snapshot { key: columns })
            }
            _ => {
                self.problem(at, format!("mode is {mode:?}: use incremental or snapshot"));
                None
            }
        }
    }

    fn incremental(
        &mut self,
        entries: &mut Entries<'a>,
        source: Option<Source>,
        what: Option<&(String, Option<String>)>,
    ) -> Option<Incremental> {
        let given = self.text(entries, "watermark");
        let is_log_analytics = matches!(source, Some(Source::LogAnalytics(_)));
        let is_a_table = what.is_some_and(|(_, table)| table.is_some());
        let watermark = match given {
            Some((text, at)) if !is_table(&text) && text != INGESTION_TIME => {
                self.problem(at, format!("watermark is {text:?}: give a column, or {INGESTION_TIME:?}"));
                None
            }
            Some((text, at)) if text == INGESTION_TIME && source == Some(Source::Hunting) => {
                self.problem(at, "hunting tables have no ingestion_time(): give a column, such as \"Timestamp\"");
                None
            }
            Some((text, _)) => Some(text),
            None if is_log_analytics && is_a_table => Some(INGESTION_TIME.to_owned()),
            None => {
                if source.is_some() && what.is_some() {
                    let what = "watermark is missing: name the column with the time by which new rows are told, such as \"Timestamp\"";
                    self.problem(entries.at, what);
                }
                None
            }
        };
        let start = self.start(entries);
        let lag = self.duration(entries, "lag", Duration::from_secs(300));
        let overlap = self.duration(entries, "overlap", Duration::from_secs(600));
        let reach = self.duration(entries, "reach", Duration::from_secs(7 * 86_400));
        Some(Incremental { watermark: watermark?, start: start?, lag: lag?, overlap: overlap?, reach: reach? })
    }

    fn start(&mut self, entries: &mut Entries<'a>) -> Option<Start> {
        let Some((text, at)) = self.text(entries, "start") else {
            return Some(Start::Ago(Duration::from_secs(86_400)));
        };
        let start = parse_duration(&text).map(Start::Ago).or_else(|| Ticks::parse(&text).map(Start::At));
        if start.is_none() {
            self.problem(
                at,
                format!("start is {text:?}: give a time such as 2026-01-31, or how long ago, such as 30d"),
            );
        }
        start
    }

    fn destination(
        &mut self,
        entries: &mut Entries<'a>,
        what: Option<&(String, Option<String>)>,
    ) -> Option<Destination> {
        let Some(value) = entries.take("destination") else {
            if what.is_none_or(|(_, table)| table.is_some()) {
                return Some(Destination::Axiom(None));
            }
            self.problem(
                entries.at,
                "destination is missing: name a dataset, as in destination = { axiom = \"dataset\" }",
            );
            return None;
        };
        let DeValue::Table(table) = value.get_ref() else {
            let form = "destination is no table: give { axiom = \"dataset\" } or { kusto = \"https://...\", ... }";
            self.problem(value.span().start, form);
            return None;
        };
        let mut entries = Entries::new(table, value.span().start, "a destination");
        let destination = match (self.text(&mut entries, "axiom"), self.text(&mut entries, "kusto")) {
            (Some((dataset, _)), None) => Some(Destination::Axiom(Some(dataset))),
            (None, Some((cluster, at))) => self.kusto(&mut entries, &cluster, at).map(Box::new).map(Destination::Kusto),
            _ => {
                self.problem(entries.at, "destination names neither or both: give one of axiom and kusto");
                None
            }
        };
        self.nothing_left(&entries, "");
        destination
    }

    fn kusto(&mut self, entries: &mut Entries<'a>, cluster: &str, at: usize) -> Option<KustoTable> {
        let cluster = self.address(cluster, at);
        let ingest = match self.text(entries, "ingest") {
            Some((text, at)) => self.address(&text, at).map(Some),
            None => Some(None),
        };
        let database = self.required(entries, "database");
        let table = self.required(entries, "table").filter(|(table, at)| {
            let good = is_table(table);
            if !good {
                self.problem(*at, format!("table is {table:?}: letters, digits and underscores"));
            }
            good
        });
        let mapping = self.text(entries, "mapping").map(|(mapping, _)| mapping);
        let (raw, create, streaming) = (
            self.flag(entries, "raw", true),
            self.flag(entries, "create", false),
            self.flag(entries, "streaming", false),
        );
        let default = || if raw { "DynamicJsonMap".to_owned() } else { "ColumnsJsonMap".to_owned() };
        Some(KustoTable {
            cluster: cluster?,
            ingest: ingest?,
            database: database?.0,
            table: table?.0,
            mapping: mapping.unwrap_or_else(default),
            raw,
            create,
            streaming,
        })
    }

    fn address(&mut self, text: &str, at: usize) -> Option<Url> {
        crate::settings::endpoint(text)
            .map_err(|wrong| {
                self.problem(at, format!("the address {wrong}: give one such as https://name.region.kusto.windows.net"))
            })
            .ok()
    }

    fn required(&mut self, entries: &mut Entries<'a>, name: &str) -> Option<(String, usize)> {
        let there = entries.left.iter().any(|(key, _)| key.get_ref() == name);
        if !there {
            self.problem(entries.at, format!("{name} is missing"));
        }
        self.text(entries, name)
    }

    /// A text that is not empty, and where it stands.
    fn text(&mut self, entries: &mut Entries<'a>, name: &str) -> Option<(String, usize)> {
        let value = entries.take(name)?;
        let at = value.span().start;
        match value.get_ref() {
            DeValue::String(text) if !text.trim().is_empty() => Some((text.trim().to_owned(), at)),
            DeValue::String(_) => {
                self.problem(at, format!("{name} is empty"));
                None
            }
            _ => {
                self.problem(at, format!("{name} is no text: put it in quotes"));
                None
            }
        }
    }

    fn flag(&mut self, entries: &mut Entries<'a>, name: &str, default: bool) -> bool {
        let Some(value) = entries.take(name) else { return default };
        let DeValue::Boolean(flag) = value.get_ref() else {
            self.problem(value.span().start, format!("{name} is neither true nor false"));
            return default;
        };
        *flag
    }

    fn duration(&mut self, entries: &mut Entries<'a>, name: &str, default: Duration) -> Option<Duration> {
        let Some((text, at)) = self.text(entries, name) else { return Some(default) };
        let duration = parse_duration(&text);
        if duration.is_none() {
            self.problem(at, format!("{name} is {text:?}: give a time such as 90s, 5m, 2h or 7d"));
        }
        duration
    }

    fn nothing_left(&mut self, entries: &Entries<'a>, remedy: &str) {
        for (key, _) in &entries.left {
            let remedy = if remedy.is_empty() { String::new() } else { format!(": {remedy}") };
            self.problem(key.span().start, format!("{} is no entry of {}{remedy}", key.get_ref(), entries.of));
        }
    }
}

/// `90s`, `5m`, `2h` or `7d`, at most ten years.
fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let seconds = match &text[digits..] {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    let seconds = text[..digits].parse::<u64>().ok()?.checked_mul(seconds)?;
    (seconds <= 3650 * 86_400).then_some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests;
