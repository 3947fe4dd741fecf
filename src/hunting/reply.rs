//! What a hunting query answers, as rows of the same form as those of data export. Pure.
//!
//! Keys of the reply come in two cases: `schema` and `results` from Microsoft Graph, `Schema` and `Results` from the older API; the keys of a column are
//! documented in one case and recorded in the other.

use std::collections::HashMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer as _, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::loganalytics::reply::{Kind, write_cell};
use crate::query::rows::{Cells, Column, Rows};

#[derive(Deserialize)]
struct Reply<'a> {
    #[serde(alias = "Schema")]
    schema: Vec<SchemaColumn>,
    #[serde(borrow, alias = "Results")]
    results: &'a RawValue,
}

#[derive(Deserialize)]
struct SchemaColumn {
    #[serde(alias = "Name")]
    name: String,
    #[serde(alias = "Type")]
    r#type: String,
}

/// Reads a reply.
///
/// # Errors
/// It is not what the hunting APIs write, such as one that broke off.
pub fn rows(reply: &[u8]) -> serde_json::Result<Rows> {
    let reply: Reply<'_> = serde_json::from_slice(reply)?;
    let columns: Vec<_> =
        reply.schema.into_iter().map(|column| Column { kind: kind(&column.r#type), name: column.name }).collect();
    let kinds = columns.iter().map(|column| (column.name.clone(), Kind::of(&column.kind))).collect();
    let mut rows = Rows { columns, ..Rows::default() };
    serde_json::Deserializer::from_str(reply.results.get()).deserialize_seq(Lines { kinds, rows: &mut rows })?;
    rows.lines.shrink_to_fit();
    Ok(rows)
}

/// The query language's name of a type, which the reply calls as .NET does.
fn kind(dotnet: &str) -> String {
    let name = dotnet.strip_prefix("System.").unwrap_or(dotnet);
    match name.to_ascii_lowercase().as_str() {
        "sbyte" | "boolean" => "bool",
        "int64" => "long",
        "int32" => "int",
        "double" => "real",
        "object" => "dynamic",
        "sqldecimal" => "decimal",
        other => return other.to_owned(),
    }
    .to_owned()
}

/// Writes rows as they are read.
struct Lines<'a> {
    kinds: HashMap<String, Kind>,
    rows: &'a mut Rows,
}

impl<'de> Visitor<'de> for Lines<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("rows, each an object")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(Cells(cells)) = seq.next_element()? {
            let out = &mut self.rows.lines;
            out.push(b'{');
            let begin = out.len();
            for (name, cell) in cells {
                let kind = self.kinds.get(&*name).copied().unwrap_or(Kind::Other);
                let key = format!("{}:", serde_json::Value::from(&*name));
                write_cell(&key, kind, cell.get(), begin, out);
            }
            out.extend_from_slice(b"}\n");
            self.rows.count += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_apis_give_the_same_rows() {
        let graph = r#"{"@odata.context":"x","schema":[{"Name":"Timestamp","Type":"DateTime"},{"Name":"Props","Type":"Object"},{"Name":"N","Type":"Int64"}],
            "results":[{"Timestamp":"2020-08-30T06:38:35.766Z","Props":{"a":[1]},"N":null},{"Timestamp":null,"Props":"{\"b\": 2}","N":7}]}"#;
        let old = graph.replace("\"schema\"", "\"Stats\":{},\"Schema\"").replace("\"results\"", "\"Results\"");
        let wanted =
            "{\"Timestamp\":\"2020-08-30T06:38:35.7660000Z\",\"Props\":{\"a\":[1]}}\n{\"Props\":{\"b\": 2},\"N\":7}\n";
        for reply in [graph, &old] {
            let rows = rows(reply.as_bytes()).unwrap();
            assert_eq!((String::from_utf8(rows.lines).unwrap().as_str(), rows.count), (wanted, 2));
            let kinds: Vec<_> = rows.columns.iter().map(|column| column.kind.as_str()).collect();
            assert_eq!(kinds, ["datetime", "dynamic", "long"]);
        }
        for reply in ["", "{}", "[]", r#"{"schema":[],"results":[1]}"#, r#"{"schema":[],"results":[{}"#] {
            assert!(super::rows(reply.as_bytes()).is_err(), "{reply}");
        }
    }

    #[test]
    fn recorded_replies_are_read() {
        let samples = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/samples");
        for (name, count) in
            [("graph-runhuntingquery-response.swimlane.json", 2), ("advancedhunting-response.demisto.json", 2)]
        {
            let Ok(reply) = std::fs::read(samples.join(name)) else { continue };
            let rows = rows(&reply).unwrap();
            assert!(rows.count >= count && rows.columns[0].kind == "datetime", "{name}: {rows:?}");
        }
    }
}
