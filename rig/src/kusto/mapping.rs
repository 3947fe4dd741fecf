//! JSON mappings: which value of a record goes into which column.

use serde_json::Value as Json;

use super::command::kind_of;
use crate::kql::cell::{from_export, quote};
use crate::kql::ticks::{self, SECOND};
use crate::kql::{Column, Kind};

/// A mapping, with the text that it was made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mapping {
    pub(crate) text: String,
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    column: String,
    /// The type that it says the column has.
    kind: Option<Kind>,
    source: Source,
    transform: Transform,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Source {
    Path(Vec<Step>),
    Constant(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
}

/// What is done with a value before it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transform {
    None,
    /// Ticks in the unit that a number counts since the Unix epoch: so many for each, or each for so many.
    Unix {
        times: i64,
        over: i64,
    },
}

impl Mapping {
    /// Reads a list of entries; the error says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let list: Vec<Json> = serde_json::from_str(text).map_err(|error| format!("no list in JSON: {error}"))?;
        let entries = list.iter().map(entry).collect::<Result<Vec<_>, _>>()?;
        if entries.is_empty() {
            return Err("it is empty".to_owned());
        }
        Ok(Self { text: text.trim().to_owned(), entries })
    }

    /// Whether a table has these columns, with these types; the error names what is wrong.
    pub(crate) fn fits(&self, columns: &[Column]) -> Result<(), String> {
        for entry in &self.entries {
            let known = columns.iter().find(|column| column.name == entry.column);
            let known = known.ok_or_else(|| format!("the table has no column '{}'", entry.column))?;
            if entry.kind.is_some_and(|kind| kind != known.kind) {
                return Err(format!("the column '{}' has another type", entry.column));
            }
        }
        Ok(())
    }

    /// The cells of a record, joined by commas.
    pub(crate) fn cells(&self, columns: &[Column], record: &Json) -> String {
        let cell = |column: &Column| {
            let entry = self.entries.iter().find(|entry| entry.column == column.name);
            let value = entry.map_or(Json::Null, |entry| entry.value(record));
            convert(column.kind, &value)
        };
        columns.iter().map(cell).collect::<Vec<_>>().join(",")
    }
}

impl Entry {
    fn value(&self, record: &Json) -> Json {
        let value = match &self.source {
            Source::Constant(text) => return text.as_str().into(),
            Source::Path(steps) => steps.iter().try_fold(record, |value, step| match step {
                Step::Key(key) => value.get(key),
                Step::Index(index) => value.get(index),
            }),
        };
        match (self.transform, value) {
            (_, None) => Json::Null,
            (Transform::None, Some(value)) => value.clone(),
            (Transform::Unix { times, over }, Some(value)) => {
                let number = value.as_i64().or_else(|| value.as_str()?.parse().ok());
                let ticks = number.and_then(|number| number.checked_mul(times)).map(|number| number / over);
                ticks.map_or(Json::Null, |ticks| ticks::format(ticks).into())
            }
        }
    }
}

/// One entry; keys are known in any case, and inside `Properties` or beside it, as older mappings have them.
fn entry(entry: &Json) -> Result<Entry, String> {
    let get = |object: &Json, name: &str| {
        let found = object.as_object()?.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.clone())
    };
    let property =
        |name: &str| get(entry, "Properties").and_then(|inner| get(&inner, name)).or_else(|| get(entry, name));
    let text = |value: Json| value.as_str().map(str::to_owned);
    let column = get(entry, "column").or_else(|| get(entry, "ColumnName")).and_then(text);
    let column = column.ok_or("an entry names no column")?;
    let kind = match get(entry, "datatype")
        .or_else(|| get(entry, "ColumnType"))
        .and_then(text)
        .filter(|name| !name.is_empty())
    {
        Some(name) => Some(kind_of(&name).ok_or_else(|| format!("'{name}' is no type"))?),
        None => None,
    };
    let transform = match property("Transform").and_then(text).as_deref() {
        None | Some("" | "None") => Transform::None,
        Some("DateTimeFromUnixSeconds") => Transform::Unix { times: SECOND, over: 1 },
        Some("DateTimeFromUnixMilliseconds") => Transform::Unix { times: SECOND / 1000, over: 1 },
        Some("DateTimeFromUnixMicroseconds") => Transform::Unix { times: SECOND / 1_000_000, over: 1 },
        Some("DateTimeFromUnixNanoseconds") => Transform::Unix { times: 1, over: 100 },
        Some(other) => return Err(format!("the stand-in does not know the transformation '{other}'")),
    };
    let source = match (property("Path").and_then(text), property("ConstValue").and_then(text)) {
        (Some(path), None) => Source::Path(steps(&path).ok_or_else(|| format!("'{path}' is no path"))?),
        (None, Some(constant)) => Source::Constant(constant),
        _ => return Err(format!("the entry for '{column}' needs either a path or a constant")),
    };
    Ok(Entry { column, kind, source, transform })
}

/// `$`, `$.a.b`, `$['a b']`, `$.a[0]`.
fn steps(path: &str) -> Option<Vec<Step>> {
    let mut rest = path.strip_prefix('$')?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        rest = rest.strip_prefix('.').unwrap_or(rest);
        if let Some(inner) = rest.strip_prefix('[') {
            let (inner, after) = inner.split_once(']')?;
            let key = ['\'', '"'].iter().find_map(|quote| inner.strip_prefix(*quote)?.strip_suffix(*quote));
            steps.push(match key {
                Some(key) => Step::Key(key.to_owned()),
                None => Step::Index(inner.parse().ok()?),
            });
            rest = after;
        } else {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            if end == 0 {
                return None;
            }
            steps.push(Step::Key(rest[..end].to_owned()));
            rest = &rest[end..];
        }
    }
    Some(steps)
}

/// The cell of a value in a column of a type; a value that is none of the type is null.
fn convert(kind: Kind, value: &Json) -> String {
    let text = match value {
        Json::Null => None,
        Json::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    let Some(text) = text else { return from_export(kind, None) };
    let cell = match kind {
        // Always JSON text, so that a text is told from what it may look like.
        Kind::Dynamic => Some(quote(&value.to_string())),
        Kind::String | Kind::Guid | Kind::Timespan => Some(quote(&text)),
        Kind::Decimal => text.parse::<f64>().is_ok().then(|| quote(&text)),
        Kind::DateTime => value.as_str().and_then(ticks::parse).map(|ticks| quote(&ticks::format(ticks))),
        Kind::Bool => match text.to_ascii_lowercase().as_str() {
            "true" | "1" => Some("true".to_owned()),
            "false" | "0" => Some("false".to_owned()),
            _ => None,
        },
        Kind::Int => text.parse::<i32>().ok().map(|number| number.to_string()),
        Kind::Long => text.parse::<i64>().ok().map(|number| number.to_string()),
        Kind::Real => {
            text.parse::<f64>().ok().filter(|number| number.is_finite()).map(|number| Json::from(number).to_string())
        }
    };
    cell.unwrap_or_else(|| from_export(kind, None))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn column(name: &str, kind: Kind) -> Column {
        Column { name: name.to_owned(), kind }
    }

    #[test]
    fn the_whole_record() {
        let text = r#"[{"Properties":{"Path":"$"},"column":"Records","datatype":"dynamic"}]"#;
        let mapping = Mapping::parse(text).unwrap();
        let columns = [column("Records", Kind::Dynamic)];
        assert_eq!((mapping.fits(&columns), mapping.text.as_str()), (Ok(()), text));
        assert_eq!(mapping.cells(&columns, &json!({"a": "b"})), r#""{\"a\":\"b\"}""#);
        assert_eq!(mapping.cells(&columns, &json!("5")), r#""\"5\"""#, "a text stays a text");
    }

    #[test]
    fn values_by_path() {
        let text = r#"[
            {"column": "deep", "Properties": {"path": "$.a.b[1]"}}, {"column": "odd", "path": "$['x y'].z", "datatype": "long"},
            {"column": "at", "Properties": {"Path": "$.at", "Transform": "DateTimeFromUnixMilliseconds"}},
            {"column": "from", "Properties": {"ConstValue": "rig"}}
        ]"#;
        let mapping = Mapping::parse(text).unwrap();
        let kinds = [
            ("deep", Kind::String),
            ("odd", Kind::Long),
            ("at", Kind::DateTime),
            ("from", Kind::String),
            ("none", Kind::Real),
        ];
        let columns = kinds.map(|(name, kind)| column(name, kind));
        let record = json!({"a": {"b": [0, {"c": 1}]}, "x y": {"z": "12"}, "at": 1500});
        assert_eq!(mapping.cells(&columns, &record), r#""{\"c\":1}",12,"1970-01-01T00:00:01.5Z","rig",null"#);
        assert_eq!(mapping.cells(&columns, &json!({})), r#""",null,null,"rig",null"#);
    }

    #[test]
    fn values_become_the_column_s_type() {
        let check = |kind, value: Json, cell: &str| assert_eq!(convert(kind, &value), cell, "{kind:?} {value}");
        check(Kind::Long, json!(9_007_199_254_740_993_i64), "9007199254740993");
        check(Kind::Long, json!("x"), "null");
        check(Kind::Int, json!(3_000_000_000_i64), "null");
        check(Kind::Real, json!("1.5"), "1.5");
        check(Kind::Bool, json!(1), "true");
        check(Kind::Bool, json!("False"), "false");
        check(Kind::DateTime, json!("2026-01-02T00:00:00.5000000Z"), "\"2026-01-02T00:00:00.5Z\"");
        check(Kind::DateTime, json!("soon"), "null");
        check(Kind::String, json!(true), "\"true\"");
        check(Kind::String, json!(null), "\"\"");
        check(Kind::Dynamic, json!(null), "null");
        check(Kind::Decimal, json!(0.5), "\"0.5\"");
    }

    #[test]
    fn refused() {
        for text in [
            "{}",
            "[]",
            "[{}]",
            r#"[{"column":"a"}]"#,
            r#"[{"column":"a","Properties":{"Path":"a"}}]"#,
            r#"[{"column":"a","Properties":{"Path":"$.a..b"}}]"#,
            r#"[{"column":"a","Properties":{"Path":"$","ConstValue":"x"}}]"#,
            r#"[{"column":"a","datatype":"text","Properties":{"Path":"$"}}]"#,
            r#"[{"column":"a","Properties":{"Path":"$","Transform":"Reverse"}}]"#,
        ] {
            assert!(Mapping::parse(text).is_err(), "{text}");
        }
        let mapping = Mapping::parse(r#"[{"column":"a","datatype":"long","Properties":{"Path":"$"}}]"#).unwrap();
        assert!(mapping.fits(&[column("b", Kind::Long)]).is_err());
        assert!(mapping.fits(&[column("a", Kind::String)]).is_err());
    }
}
