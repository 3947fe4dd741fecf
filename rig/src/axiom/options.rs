//! How a stand-in is set up, and a switch for each thing that Axiom's documentation leaves open.

use std::time::Duration;

/// How a stand-in starts.
#[derive(Debug, Clone)]
pub struct Options {
    /// Datasets that exist at the start.
    pub datasets: Vec<String>,
    /// How closely ingest looks at rows.
    pub inspect: Inspect,
    /// Counts each distinct row, which finds duplicates; costs memory for each of them.
    pub track_rows: bool,
    /// Keeps each row's bytes, and with [`Inspect::Full`] its columns, which `dcount` and `min`/`max` of any column need.
    pub keep_rows: bool,
    /// A column whose values are recorded with each request (with [`Inspect::Full`]).
    pub id_field: Option<String>,
    /// Requests that are remembered; older ones are forgotten.
    pub records: usize,
    /// Limits, and the switches.
    pub rules: Rules,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            datasets: Vec::new(),
            inspect: Inspect::Full,
            track_rows: true,
            keep_rows: false,
            id_field: None,
            records: 10_000,
            rules: Rules::default(),
        }
    }
}

/// How closely ingest looks at rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inspect {
    /// Each row is parsed, flattened and held to every rule.
    Full,
    /// Rows are lines, counted and hashed: for load runs. Only NDJSON; queries know `count()` alone.
    Rows,
}

/// Who pays for a bad row: "200 and failed" for that row, or "400" for the whole request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// The row alone.
    Row,
    /// The whole request.
    Request,
}

/// What becomes of a value that is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LongValue {
    /// It is replaced by `<invalid string: too long>`, as documented.
    Replace,
    /// The whole request is answered 400, as seen in production. This holds for whole events of that size too.
    RefuseRequest,
}

/// Limits of Axiom's "Limits" page, and both behaviours where it is silent.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Events in one request, else 400.
    pub events_max: Option<usize>,
    /// Bytes of a body, uncompressed, else 413.
    pub body_max: usize,
    /// Bytes of a body on the wire, else 413.
    pub wire_max: usize,
    /// Bytes of one string.
    pub value_bytes: usize,
    /// What becomes of a longer one.
    pub long_value: LongValue,
    /// Bytes of a field's name; an event with a longer one is refused.
    pub name_bytes: usize,
    /// Levels of nesting, below which all is nil.
    pub depth: usize,
    /// Fields of one dataset.
    pub fields_max: usize,
    /// Who pays for an event that would add a field beyond them.
    pub over_fields: Blame,
    /// Who pays for a line that is no JSON object.
    pub bad_line: Blame,
    /// Past and future (from now) that `_time` may lie in.
    pub time_window: Option<(Duration, Duration)>,
    /// Whether the column that `timestamp-field` names stays beside `_time`.
    pub keep_timestamp_field: bool,
    /// Names of ASCII letters, digits and hyphens only; else `_` and `.` too.
    pub strict_names: bool,
    /// Names that differ in case alone collide (409).
    pub case_insensitive_names: bool,
    /// Datasets that may exist.
    pub datasets_max: usize,
    /// The status of a create beyond them.
    pub over_datasets: u16,
    /// The status for a token that is not known.
    pub unknown_token: u16,
    /// Requests in a minute, else 429.
    pub requests_per_minute: u64,
    /// Whether connections stay open after an answer.
    pub keep_alive: bool,
    /// Whether `GET /v2/orgs` answers API tokens, else 403.
    pub orgs_for_api_tokens: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            events_max: Some(10_000),
            body_max: 64 << 20,
            wire_max: 64 << 20,
            value_bytes: 1_000_000,
            long_value: LongValue::Replace,
            name_bytes: 200,
            depth: 100,
            fields_max: 1024,
            over_fields: Blame::Row,
            bad_line: Blame::Request,
            time_window: None,
            keep_timestamp_field: true,
            strict_names: false,
            case_insensitive_names: false,
            datasets_max: 100,
            over_datasets: 403,
            unknown_token: 401,
            requests_per_minute: 1_000_000,
            keep_alive: true,
            orgs_for_api_tokens: true,
        }
    }
}
