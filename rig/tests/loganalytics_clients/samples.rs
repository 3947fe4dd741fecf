//! Recorded replies, and fixtures of the same shape: the stand-in answers a like query with the same.

use std::path::Path;

use rig::loganalytics::{Kind, LogAnalytics, Options, Table};
use rig::npm;
use serde_json::{Map, Value, json};

use super::{post, send};

/// What a value looks like: keys and types. All elements of a list look the same in statistics.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(keys) => {
            keys.iter().map(|(key, value)| (key.clone(), shape(value))).collect::<Map<_, _>>().into()
        }
        Value::Array(items) => items.iter().map(shape).collect(),
        Value::String(_) => json!("string"),
        Value::Number(_) => json!("number"),
        Value::Bool(_) => json!("bool"),
        Value::Null => Value::Null,
    }
}

fn kind(name: &Value) -> Kind {
    let kinds = [
        ("bool", Kind::Bool),
        ("datetime", Kind::DateTime),
        ("decimal", Kind::Decimal),
        ("dynamic", Kind::Dynamic),
        ("guid", Kind::Guid),
        ("int", Kind::Int),
        ("long", Kind::Long),
        ("real", Kind::Real),
        ("string", Kind::String),
        ("timespan", Kind::Timespan),
    ];
    kinds.into_iter().find(|(known, _)| name == known).unwrap_or_else(|| panic!("no type: {name}")).1
}

/// A table whose schema was replied, and the query for it.
fn schema(rows: &[Value]) -> (Table, String) {
    let columns: Vec<_> = rows.iter().map(|row| (row[0].as_str().expect("a name"), kind(&row[3]))).collect();
    (Table::new("T", &columns), "T | getschema".to_owned())
}

/// A table that holds what was replied, in export form; a query for it; and so many rows of a reply as make it partial, if it was.
fn rows(table: &Value, is_partial: bool) -> (Table, String) {
    let columns = table["columns"].as_array().expect("columns");
    let names: Vec<_> = columns.iter().map(|column| column["name"].as_str().expect("a name")).collect();
    let mut kinds: Vec<_> = names.iter().copied().zip(columns.iter().map(|column| kind(&column["type"]))).collect();
    let export = |(index, row): (usize, &Value)| {
        let mut export = Map::new();
        for (cell, (name, kind)) in row.as_array().expect("a row").iter().zip(&kinds) {
            let value = match (kind, cell) {
                (Kind::Dynamic, Value::String(text)) => serde_json::from_str(text).expect("JSON text"),
                _ => cell.clone(),
            };
            export.insert((*name).to_owned(), value);
        }
        let time = format!("2026-01-01T00:00:00.{index:07}Z");
        export.entry("TimeGenerated").or_insert_with(|| time.into());
        Value::from(export)
    };
    let mut rows: Vec<_> = table["rows"].as_array().expect("rows").iter().enumerate().map(export).collect();
    if is_partial {
        rows.push(rows.last().expect("a row").clone());
    }
    if !names.contains(&"TimeGenerated") {
        kinds.push(("TimeGenerated", Kind::DateTime));
    }
    let table = Table::new("T", &kinds).rows(&rows).expect("rows of the table");
    (table, format!("T | project {}", names.join(", ")))
}

async fn check(file: &Path) {
    let recorded: Value = serde_json::from_slice(&std::fs::read(file).expect("a file")).expect("JSON");
    let table = &recorded["tables"][0];
    let (is_partial, replied) = (recorded.get("error").is_some(), table["rows"].as_array().expect("rows"));
    let (made, query) = if table["name"] == "getschema" { schema(replied) } else { rows(table, is_partial) };
    let rows_max = if is_partial { replied.len() } else { 500_000 };
    let service = LogAnalytics::start(Options { rows_max, ..Options::default() }).await.expect("start the stand-in");
    service.add(made);
    let wanted = [("statistics", "include-statistics=true"), ("render", "include-render=true")];
    let wanted: Vec<_> =
        wanted.into_iter().filter(|(key, _)| recorded.get(key).is_some()).map(|(_, wish)| wish).collect();
    let request = post(&service, "query", json!({"query": query})).await.header("Prefer", wanted.join(","));
    let answer = send(request).await.expect("an answer").json();
    assert_eq!(shape(&answer), shape(&recorded), "{}", file.display());
    for key in ["tables", "error", "render"] {
        assert_eq!(answer[key], recorded[key], "{key} of {}", file.display());
    }
}

/// Checks all replies in a folder; gives their number.
async fn check_all(folder: &Path) -> usize {
    let mut checked = 0;
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with("loganalytics-query-") && name.ends_with(".json") {
            check(&path).await;
            checked += 1;
        }
    }
    checked
}

#[tokio::test]
async fn fixtures() {
    let folder = npm::workspace().join("rig/tests/loganalytics_clients/fixtures");
    assert_eq!(check_all(&folder).await, 4);
}

/// Recordings are not part of the repository; where they lie beside it, they are held to as well.
#[tokio::test]
async fn recordings_beside_the_repository() {
    let workspace = npm::workspace();
    let folder = workspace.parent().expect("the repository lies in a folder").join("shared/samples");
    println!("{} recordings", check_all(&folder).await);
}
