//! Captured replies, and fixtures of the same shape: the stand-in answers a like query with the same.

use std::path::Path;

use rig::hunting::{Kind, Options, Table};
use rig::npm;
use serde_json::{Map, Value, json};

use super::{Answer, ask, ask_security, start};

/// What a value looks like: keys and types.
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
        ("DateTime", Kind::DateTime),
        ("String", Kind::String),
        ("Int64", Kind::Long),
        ("Int32", Kind::Int),
        ("Double", Kind::Real),
        ("SByte", Kind::Bool),
        ("Object", Kind::Dynamic),
    ];
    kinds.into_iter().find(|(known, _)| name == known).unwrap_or_else(|| panic!("no type: {name}")).1
}

/// A stand-in with a table of these rows, and what it answers for all of it, in the order in which they came.
async fn served(table: Table, options: Options, is_graph: bool) -> Answer {
    let service = start(options).await;
    service.add(table);
    if is_graph { ask(&service, "T").await } else { ask_security(&service, "T").await }
}

/// A captured reply of either door.
async fn check_reply(file: &Path) {
    let captured: Value = serde_json::from_slice(&std::fs::read(file).expect("a file")).expect("JSON");
    let is_graph = captured.get("Stats").is_none();
    let (schema, results) = if is_graph { ("schema", "results") } else { ("Schema", "Results") };
    let text =
        |column: &Value, keys: [&str; 2]| keys.iter().find_map(|key| column[*key].as_str()).expect("a name").to_owned();
    let schema = captured[schema].as_array().expect("columns");
    let names: Vec<_> = schema.iter().map(|column| text(column, ["Name", "name"])).collect();
    let kinds = schema.iter().map(|column| kind(&text(column, ["Type", "type"]).into()));
    let columns: Vec<_> = names.iter().map(String::as_str).zip(kinds).collect();
    let rows = captured[results].as_array().expect("rows");
    let table = Table::timeless("T", &columns).rows(rows).expect("rows of the table");
    let pascal_case = schema[0].get("Name").is_some();
    let answer = served(table, Options { pascal_case, ..Options::default() }, is_graph).await.json();
    assert_eq!(shape(&answer), shape(&captured), "{}", file.display());
    for key in ["schema", "results", "Schema", "Results"] {
        assert_eq!(answer[key], captured[key], "{key} of {}", file.display());
    }
}

/// Rows of the older call, one in each line.
async fn check_rows(file: &Path) {
    let text = std::fs::read_to_string(file).expect("a file");
    let rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let table = Table::timeless_of("T", &rows).expect("rows of the table");
    let answer = served(table, Options { bits: true, ..Options::default() }, false).await.rows();
    let answered = answer.as_array().expect("rows");
    assert_eq!(answered.len(), rows.len());
    for (row, answered) in rows.iter().zip(answered) {
        for (key, value) in row.as_object().expect("a row") {
            // A column that is null throughout has no type to be known by; and times lose the zeros at their end.
            let Some(cell) = answered.get(key) else { continue };
            if value.is_null() && cell == "" {
                continue;
            }
            let text = value.as_str().map(trimmed);
            assert_eq!(cell.as_str().map(trimmed), text, "{key} of {}", file.display());
            if text.is_none() {
                assert_eq!(cell, value, "{key} of {}", file.display());
            }
        }
    }
}

/// A time without the zeros at its end; other text as it is.
fn trimmed(text: &str) -> String {
    match text.strip_suffix('Z').filter(|text| text.contains('T') && text.contains('.')) {
        Some(time) => format!("{}Z", time.trim_end_matches('0').trim_end_matches('.')),
        None => text.to_owned(),
    }
}

/// Checks all captures in a folder; gives their number.
async fn check_all(folder: &Path) -> usize {
    let mut checked = 0;
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        match name {
            _ if name.starts_with("graph-runhuntingquery-") || name.starts_with("advancedhunting-") => {
                check_reply(&path).await
            }
            _ if name.starts_with("AdvancedHunting.") => check_rows(&path).await,
            _ => continue,
        }
        checked += 1;
    }
    checked
}

#[tokio::test]
async fn fixtures() {
    let folder = npm::workspace().join("rig/tests/hunting/fixtures");
    assert_eq!(check_all(&folder).await, 4);
}

/// Captures are not part of the repository; where they lie beside it, they are held to as well.
#[tokio::test]
async fn captures_beside_the_repository() {
    let workspace = npm::workspace();
    let folder = workspace.parent().expect("the repository lies in a folder").join("shared/samples");
    println!("{} captures", check_all(&folder).await);
}
