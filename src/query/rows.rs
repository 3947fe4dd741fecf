//! Rows out of replies, as lines of JSON; and what a service says about a query. Pure.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

use super::window::Ticks;

/// Rows out of a reply.
#[derive(Debug, Default)]
pub struct Rows {
    /// A line of JSON for each row.
    pub lines: Vec<u8>,
    /// How many there are.
    pub count: u64,
    /// What they may have: a row lacks what is empty in it.
    pub columns: Vec<Column>,
    /// The service's clock when it answered, to the second.
    pub served: Option<Ticks>,
    /// What went wrong although the answer is 200. Then rows are missing, and those that are there must not be used.
    pub error: Option<QueryError>,
}

/// A column of a reply.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type, such as `datetime`, `dynamic` or `string`.
    #[serde(rename = "type")]
    pub kind: String,
}

/// What the service says about a query.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct QueryError {
    /// Such as `PartialError`, `BadArgumentError` or `InsufficientAccessError`.
    pub code: String,
    /// What it means.
    #[serde(default)]
    pub message: String,
    /// More of the same, with the interesting one innermost.
    #[serde(default)]
    pub details: Vec<QueryError>,
    /// The error below.
    #[serde(default, rename = "innererror")]
    pub inner: Option<Box<QueryError>>,
    /// Where in the query it is, from 1.
    #[serde(default)]
    pub line: Option<u32>,
    /// Where in the line.
    #[serde(default, rename = "pos")]
    pub position: Option<u32>,
}

impl QueryError {
    /// One without causes.
    #[must_use]
    pub fn new(code: &str, message: &str) -> Self {
        let (code, message) = (code.to_owned(), message.to_owned());
        Self { code, message, details: Vec::new(), inner: None, line: None, position: None }
    }

    /// The error at the end of the chain: the one that names the cause.
    #[must_use]
    pub fn cause(&self) -> &Self {
        let below = self.inner.as_deref().or_else(|| self.details.first());
        below.map_or(self, Self::cause)
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cause = self.cause();
        let message = cause.message.trim_end();
        write!(f, "{}: {message}", self.code)?;
        match (cause.line, cause.position) {
            // Most messages tell it themselves.
            (Some(line), Some(position)) if !message.contains("line [") => {
                write!(f, " (line {line}, position {position})")
            }
            _ => Ok(()),
        }
    }
}

/// `"2026-01-02T03:04:05.6Z"` with as many digits as data export has. What is no such time stays as it is.
pub(crate) fn seven_digits(cell: &str) -> String {
    let Some(time) = cell.strip_suffix("Z\"") else { return cell.to_owned() };
    let (seconds, digits) = time.split_once('.').unwrap_or((time, ""));
    if digits.len() > 7 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return cell.to_owned();
    }
    format!("{seconds}.{digits:0<7}Z\"")
}

/// The cells of a row in their order.
pub(crate) struct Cells<'a>(pub(crate) Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Cells<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = Cells<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a row")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Cells<'de>, A::Error> {
                let mut cells = Vec::new();
                while let Some(Name(name)) = map.next_key()? {
                    cells.push((name, map.next_value()?));
                }
                Ok(Cells(cells))
            }
        }

        deserializer.deserialize_map(Entries)
    }
}

/// A key that is borrowed where it can be.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);
