//! Records as they are written down by hand or by a generator, made rows of a table that gives them back byte by byte.

use std::collections::HashMap;

use anyhow::Context as _;
use serde_json::value::RawValue;

use crate::kql::{Kind, Row, Table, cell};

/// The table of what Defender for Cloud knows.
pub(crate) const TABLE: &str = "securityresources";

/// Its columns in the order of a reply ("Azure Resource Graph table and resource type reference").
pub(crate) const COLUMNS: [(&str, Kind); 14] = [
    ("id", Kind::String),
    ("name", Kind::String),
    ("type", Kind::String),
    ("tenantId", Kind::String),
    ("kind", Kind::String),
    ("location", Kind::String),
    ("resourceGroup", Kind::String),
    ("subscriptionId", Kind::String),
    ("managedBy", Kind::String),
    ("sku", Kind::Dynamic),
    ("plan", Kind::Dynamic),
    ("properties", Kind::Dynamic),
    ("tags", Kind::Dynamic),
    ("identity", Kind::Dynamic),
];

/// The table without records.
pub(crate) fn table() -> Table {
    Table::timeless(TABLE, &COLUMNS)
}

/// A row from the JSON text of a record. Columns that it lacks are empty, keys that are no columns are left out; the text of each value stays as it is.
pub(crate) fn row(record: &str) -> anyhow::Result<Row> {
    let values: HashMap<String, &RawValue> =
        serde_json::from_str(record).with_context(|| format!("a record is no object: {record:.100}"))?;
    let text = |(name, kind): &(&str, Kind)| match (values.get(*name).map(|value| value.get()), kind) {
        (None | Some("null"), Kind::String) => "\"\"".to_owned(),
        (None | Some("null"), _) => "null".to_owned(),
        (Some(value), Kind::String) => value.to_owned(),
        (Some(value), _) => cell::quote(value),
    };
    Ok(Row::new(0, &COLUMNS.iter().map(text).collect::<Vec<_>>().join(","), ""))
}

/// The number of a column's cell.
pub(crate) fn index(name: &str) -> usize {
    COLUMNS.iter().position(|(column, _)| *column == name).expect("one of the columns")
}

/// The text of a cell that is a string.
pub(crate) fn text(row: &Row, name: &str) -> String {
    cell::unquote(row.cell(index(name))).into_owned()
}
