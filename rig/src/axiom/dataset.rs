//! One dataset: what was committed to it, its fields, and the rules that need to know both.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bytes::Bytes;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::event::Event;
use super::fault::Refusal;
use super::options::{Blame, Options};
use crate::content::Content;

/// Totals of what a dataset has committed.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Totals {
    /// Rows and their fingerprint.
    pub content: Content,
    /// The distinct ones among them, where rows are tracked.
    pub distinct: Content,
    /// Rows that were there already, where rows are tracked.
    pub duplicated: u64,
    /// Bytes of the committed requests' bodies, uncompressed.
    pub bytes: u64,
    /// Bytes of the same bodies on the wire.
    pub wire_bytes: u64,
    /// Requests that committed.
    pub requests: u64,
    /// Values of the label `source_blob`.
    pub blobs: BTreeSet<String>,
}

/// What is known of a field.
#[derive(Debug, Default, Clone)]
pub(crate) struct Field {
    pub(crate) types: BTreeSet<&'static str>,
    /// Description, unit and hidden, as a client set them.
    pub(crate) settings: Map<String, Value>,
}

/// One row that was read and not yet committed.
#[derive(Debug)]
pub(crate) struct ReadyRow {
    pub(crate) raw: Bytes,
    pub(crate) hash: u128,
    pub(crate) event: Option<Event>,
    /// Why it will not be committed.
    pub(crate) failure: Option<String>,
}

/// What became of the rows of one request.
#[derive(Debug, Default)]
pub(crate) struct Committed {
    pub(crate) rows: u64,
    pub(crate) failures: Vec<Value>,
    pub(crate) messages: Vec<Value>,
}

/// One dataset.
#[derive(Debug)]
pub(crate) struct Dataset {
    /// Settings as clients see them, `name` and `created` among them.
    pub(crate) settings: Map<String, Value>,
    pub(crate) fields: BTreeMap<String, Field>,
    pub(crate) map_fields: Vec<String>,
    /// The declared types of a locked schema.
    pub(crate) locked: Option<BTreeMap<String, String>>,
    pub(crate) totals: Totals,
    pub(crate) counts: HashMap<u128, u64>,
    pub(crate) rows: Vec<Bytes>,
    /// `_time` of each row, in order of commit.
    pub(crate) times: Vec<i64>,
    /// Columns of each row, in order of commit, where rows are kept.
    pub(crate) columns: Vec<Map<String, Value>>,
    /// When each request committed, and how many rows there were after it.
    pub(crate) commits: Vec<(Instant, usize)>,
    /// The last vacuum.
    pub(crate) vacuumed: Option<time::OffsetDateTime>,
}

impl Dataset {
    pub(crate) fn new(settings: Map<String, Value>) -> Self {
        Self {
            settings,
            fields: BTreeMap::new(),
            map_fields: Vec::new(),
            locked: None,
            totals: Totals::default(),
            counts: HashMap::new(),
            rows: Vec::new(),
            times: Vec::new(),
            columns: Vec::new(),
            commits: Vec::new(),
            vacuumed: None,
        }
    }

    /// Commits the rows that may be, all at once, or refuses the request and changes nothing.
    pub(crate) fn commit(&mut self, mut rows: Vec<ReadyRow>, options: &Options) -> Result<Committed, Refusal> {
        let mut committed = Committed { messages: self.drop_undeclared(&mut rows), ..Committed::default() };
        self.hold_to_field_limit(&mut rows, options)?;
        for row in rows {
            let time = row.event.as_ref().and_then(|event| event.columns.get("_time")).cloned();
            if let Some(failure) = row.failure {
                let time = time.unwrap_or_else(|| json!(super::timestamp::format(super::timestamp::now())));
                committed.failures.push(json!({"timestamp": time, "error": failure}));
            } else {
                committed.rows += 1;
                self.store(row, options);
            }
        }
        let total = usize::try_from(self.totals.content.rows).expect("rows of one process fit its memory");
        self.commits.push((Instant::now(), total));
        Ok(committed)
    }

    fn store(&mut self, row: ReadyRow, options: &Options) {
        self.totals.content.add_hash(row.hash);
        if options.track_rows {
            let count = self.counts.entry(row.hash).or_default();
            *count += 1;
            if *count == 1 { self.totals.distinct.add_hash(row.hash) } else { self.totals.duplicated += 1 }
        }
        if let Some(event) = row.event {
            for (name, value) in event.columns.iter().filter(|(name, _)| counted(name)) {
                let field = self.fields.entry(name.clone()).or_default();
                field.types.extend(type_of(value));
            }
            self.times.push(event.time);
            if options.keep_rows {
                self.columns.push(event.columns);
            }
        }
        if options.keep_rows {
            self.rows.push(row.raw);
        }
    }

    /// A locked schema drops what it does not declare, keeps the event, and warns once for each field.
    fn drop_undeclared(&self, rows: &mut [ReadyRow]) -> Vec<Value> {
        let Some(declared) = &self.locked else { return Vec::new() };
        let mut dropped: BTreeMap<String, u64> = BTreeMap::new();
        for event in rows.iter_mut().filter_map(|row| row.event.as_mut()) {
            let fits = |name: &str, value: &Value| match (declared.get(name), type_of(value)) {
                (None, _) => !counted(name),
                (Some(_), None) => true,
                (Some(declared), Some(found)) => declared == found || (declared == "float" && found == "integer"),
            };
            let unfit = event.columns.iter().filter(|(name, value)| !fits(name, value));
            for name in unfit.map(|(name, _)| name.clone()).collect::<Vec<_>>() {
                event.columns.remove(&name);
                *dropped.entry(name).or_default() += 1;
            }
        }
        let warning = |(name, count): (String, u64)| {
            let msg = format!("field \"{name}\" dropped: not in declared schema");
            json!({"priority": "warn", "code": format!("schema_rules_drop:{name}"), "count": count, "msg": msg})
        };
        dropped.into_iter().map(warning).collect()
    }

    /// An event that would add a field beyond the limit is refused, alone or with its request.
    fn hold_to_field_limit(&self, rows: &mut [ReadyRow], options: &Options) -> Result<(), Refusal> {
        let most = options.rules.fields_max;
        let mut added = BTreeSet::new();
        for row in rows.iter_mut().filter(|row| row.failure.is_none()) {
            let Some(event) = &row.event else { continue };
            let is_new = |name: &&String| counted(name) && !self.fields.contains_key(*name) && !added.contains(*name);
            let new: Vec<String> = event.columns.keys().filter(is_new).cloned().collect();
            if new.is_empty() || self.fields.len() + added.len() + new.len() <= most {
                added.extend(new);
                continue;
            }
            let message = format!("dataset has reached its limit of {most} fields");
            match options.rules.over_fields {
                Blame::Row => row.failure = Some(message),
                Blame::Request => return Err(Refusal::new(400, message)),
            }
        }
        Ok(())
    }
}

/// Whether a column counts toward the field limit.
fn counted(name: &str) -> bool {
    name != "_time" && name != "_sysTime"
}

/// Axiom's name for a value's type; null has none.
pub(crate) fn type_of(value: &Value) -> Option<&'static str> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "map",
    })
}
