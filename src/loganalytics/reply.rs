//! What a query answers, turned into rows as data export writes them, so that history and live rows are one kind in Axiom. Pure.
//!
//! The reply is walked once and its rows are written out as they pass: a table of cells in memory would be several times the reply. Source of the shapes:
//! recorded replies in Azure's SDKs for .NET and Go.
//!
//! | type | in a reply | as data export writes it, and so do we |
//! |---|---|---|
//! | `datetime` | text, trailing zeros of the fraction dropped | seven digits of fraction |
//! | `dynamic` | a text that holds JSON | the JSON value; a text where it holds none |
//! | any | `null`, and for text also `""` | the column is left out |
//! | others | as they are | the same |

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer as _, Error as _, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::query::rows::{Column, Rows, seven_digits};

#[derive(Deserialize)]
struct Reply<'a> {
    #[serde(borrow)]
    tables: Vec<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Table<'a> {
    columns: Vec<Column>,
    #[serde(borrow)]
    rows: &'a RawValue,
}

/// Reads the first table of a reply; those behind it are statistics.
///
/// # Errors
/// The reply is not what the query API writes, such as one that broke off.
pub fn rows(reply: &[u8]) -> serde_json::Result<Rows> {
    let reply: Reply<'_> = serde_json::from_slice(reply)?;
    let mut rows = Rows::default();
    // An empty object stands for none.
    if let Some(error) = reply.error.filter(|error| error.get() != "{}") {
        rows.error = serde_json::from_str(error.get())?;
    }
    let Some(table) = reply.tables.first() else { return Ok(rows) };
    let table: Table<'_> = serde_json::from_str(table.get())?;
    let keys = table.columns.iter().map(|column| format!("{}:", serde_json::Value::from(column.name.as_str())));
    let columns = keys.zip(table.columns.iter().map(|column| Kind::of(&column.kind))).collect();
    serde_json::Deserializer::from_str(table.rows.get()).deserialize_seq(Lines { columns, rows: &mut rows })?;
    rows.columns = table.columns;
    // Kept until they are sent: not twice as large as they are.
    rows.lines.shrink_to_fit();
    Ok(rows)
}

/// What becomes of a column's cells.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    DateTime,
    Dynamic,
    Other,
}

impl Kind {
    pub(crate) fn of(name: &str) -> Self {
        match name {
            "datetime" => Self::DateTime,
            "dynamic" => Self::Dynamic,
            _ => Self::Other,
        }
    }
}

/// Writes rows as they are read.
struct Lines<'a> {
    /// `"name":`, and what becomes of the cells.
    columns: Vec<(String, Kind)>,
    rows: &'a mut Rows,
}

impl<'de> Visitor<'de> for Lines<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("rows with a cell for each column")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(cells) = seq.next_element::<Vec<&RawValue>>()? {
            if cells.len() != self.columns.len() {
                return Err(A::Error::invalid_length(cells.len(), &self));
            }
            write_line(&self.columns, &cells, &mut self.rows.lines);
            self.rows.count += 1;
        }
        Ok(())
    }
}

fn write_line(columns: &[(String, Kind)], cells: &[&RawValue], out: &mut Vec<u8>) {
    out.push(b'{');
    let begin = out.len();
    for ((key, kind), cell) in columns.iter().zip(cells) {
        write_cell(key, *kind, cell.get(), begin, out);
    }
    out.extend_from_slice(b"}\n");
}

/// Writes one cell of a row whose cells begin at `begin`; nothing where it is empty. `key` is `"name":`.
pub(crate) fn write_cell(key: &str, kind: Kind, cell: &str, begin: usize, out: &mut Vec<u8>) {
    let value = match kind {
        Kind::DateTime => Cow::Owned(seven_digits(cell)),
        Kind::Dynamic => dynamic(cell),
        Kind::Other => Cow::Borrowed(cell),
    };
    if matches!(&*value, "null" | "\"\"") {
        return;
    }
    if out.len() > begin {
        out.push(b',');
    }
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(value.as_bytes());
}

/// The JSON that a dynamic cell's text holds; the text itself where it holds none.
fn dynamic(cell: &str) -> Cow<'_, str> {
    let Ok(text) = serde_json::from_str::<Cow<'_, str>>(cell) else { return Cow::Borrowed(cell) };
    match serde_json::from_str::<&RawValue>(&text) {
        // Line ends stand between tokens only, in JSON, and would break the line.
        Ok(value) => Cow::Owned(value.get().replace(['\n', '\r'], " ")),
        Err(_) => Cow::Borrowed(cell),
    }
}

#[cfg(test)]
mod tests {
    fn lines(columns: &str, rows: &str) -> String {
        let reply = format!(
            r#"{{"tables":[{{"name":"PrimaryResult","columns":[{columns}],"rows":{rows}}},{{"name":"x","columns":[],"rows":[[1]]}}],"statistics":{{}}}}"#
        );
        let rows = super::rows(reply.as_bytes()).unwrap();
        assert_eq!((rows.count, rows.error), (rows.lines.iter().filter(|byte| **byte == b'\n').count() as u64, None));
        String::from_utf8(rows.lines).unwrap()
    }

    fn cell(kind: &str, cell: &str) -> String {
        let line = lines(&format!(r#"{{"name":"a","type":"{kind}"}}"#), &format!("[[{cell}]]"));
        line.trim_end().strip_prefix('{').and_then(|line| line.strip_suffix('}')).unwrap().to_owned()
    }

    #[test]
    fn cells_become_what_data_export_writes() {
        for (kind, text, wanted) in [
            ("datetime", r#""2015-12-31T23:59:59.9Z""#, r#""a":"2015-12-31T23:59:59.9000000Z""#),
            ("datetime", r#""2015-12-31T23:59:59Z""#, r#""a":"2015-12-31T23:59:59.0000000Z""#),
            ("datetime", r#""2015-12-31T23:59:59.1234567Z""#, r#""a":"2015-12-31T23:59:59.1234567Z""#),
            ("datetime", r#""soon""#, r#""a":"soon""#),
            ("long", "9007199254740993", r#""a":9007199254740993"#),
            ("real", "1.50", r#""a":1.50"#),
            ("real", r#""NaN""#, r#""a":"NaN""#),
            ("decimal", r#""0.10101""#, r#""a":"0.10101""#),
            ("bool", "true", r#""a":true"#),
            ("string", r#""{\"x\":1}""#, r#""a":"{\"x\":1}""#),
            ("string", r#""2015-12-31T23:59:59.9Z""#, r#""a":"2015-12-31T23:59:59.9Z""#),
            ("dynamic", r#""{\"x\":[1,\n2],\"y\":\"\\n\"}""#, r#""a":{"x":[1, 2],"y":"\n"}"#),
            ("dynamic", r#""plain""#, r#""a":"plain""#),
            ("dynamic", "{\"x\":1}", r#""a":{"x":1}"#),
            ("dynamic", r#""null""#, ""),
            ("dynamic", "null", ""),
            ("string", r#""""#, ""),
            ("long", "null", ""),
        ] {
            assert_eq!(cell(kind, text), wanted, "{kind} {text}");
        }
    }

    #[test]
    fn a_row_is_a_line_without_its_empty_columns() {
        let columns =
            r#"{"name":"TimeGenerated","type":"datetime"},{"name":"a\"b","type":"string"},{"name":"c","type":"int"}"#;
        let rows = r#"[["2026-01-01T00:00:00Z","é\n",1],["2026-01-01T00:00:01Z","",null],[null,null,2]]"#;
        let wanted = [
            r#"{"TimeGenerated":"2026-01-01T00:00:00.0000000Z","a\"b":"é\n","c":1}"#,
            r#"{"TimeGenerated":"2026-01-01T00:00:01.0000000Z"}"#,
            r#"{"c":2}"#,
        ];
        assert_eq!(lines(columns, rows).lines().collect::<Vec<_>>(), wanted);
        assert_eq!(lines(columns, "[]"), "");
    }

    #[test]
    fn a_partial_reply_names_its_cause() {
        let reply = r#"{"tables":[{"name":"t","columns":[{"name":"s","type":"string"}],"rows":[["a"]]}],"error":{"code":"PartialError","message":"There were some errors.",
            "details":[{"code":"EngineError","message":"Something went wrong.","innererror":{"code":"-2133196797","message":"E_QUERY_RESULT_SET_TOO_LARGE","severity":2}}]}}"#;
        let rows = super::rows(reply.as_bytes()).unwrap();
        assert_eq!(rows.error.expect("an error").to_string(), "PartialError: E_QUERY_RESULT_SET_TOO_LARGE");
        assert!(super::rows(br#"{"tables":[],"error":{}}"#).unwrap().error.is_none());
    }

    #[test]
    fn what_is_no_reply_is_an_error() {
        for reply in [
            "",
            "[]",
            "{}",
            r#"{"tables":[{"columns":[]}]}"#,
            r#"{"tables":[{"columns":[{"name":"a","type":"int"}],"rows":[[1,2]]}]}"#,
            r#"{"tables":[{"columns":[],"rows":[[]]"#,
        ] {
            assert!(super::rows(reply.as_bytes()).is_err(), "{reply}");
        }
    }
}
