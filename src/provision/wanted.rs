//! What there should be. Pure.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde_json::Value;

use super::map_fields;
use crate::axiom::MARK;

/// A dataset, as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// Its name.
    pub name: String,
    /// What is in it, and the mark.
    pub description: String,
    /// Columns that are to be map fields; others may be, too.
    pub map_fields: Vec<String>,
}

/// A table whose rows come to Axiom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Where its rows go.
    pub dataset: String,
    /// Whether data export carries it; else it is pulled.
    pub exported: bool,
}

/// `--map-field`: a column that holds objects of any keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MapField {
    table: String,
    column: String,
}

impl FromStr for MapField {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let name = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        match text.split_once('.') {
            Some((table, column)) if name(table) && name(column) => {
                Ok(Self { table: table.to_owned(), column: column.to_owned() })
            }
            _ => Err("give a table and its column, such as MyLog_CL.Properties".to_owned()),
        }
    }
}

/// How long rows are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// In days.
    pub days: u32,
    /// Whether a dataset that keeps them longer, or as long as the organisation says, may be changed: Axiom deletes older rows at once.
    pub lower: bool,
}

/// Everything.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// Datasets.
    pub datasets: Vec<Dataset>,
    /// How long all of them keep rows, where that was said.
    pub retention: Option<Retention>,
    /// The name of the dashboard in addresses, unlike any other's.
    pub uid: String,
    /// The dashboard.
    pub dashboard: Value,
    /// Monitors, by name.
    pub monitors: Vec<Value>,
    /// What names of our monitors begin with.
    pub prefix: String,
}

/// The datasets of tables, each once, in the order of the tables.
#[must_use]
pub fn datasets(tables: &[Table], map_fields: &[MapField]) -> Vec<Dataset> {
    let mut by_name: BTreeMap<&str, Vec<&Table>> = BTreeMap::new();
    let mut order: Vec<&str> = Vec::new();
    for table in tables {
        if !by_name.contains_key(table.dataset.as_str()) {
            order.push(&table.dataset);
        }
        by_name.entry(&table.dataset).or_default().push(table);
    }
    let dataset = |name: &str| {
        let of_table = |table: &&Table| {
            let more = map_fields.iter().filter(|field| field.table.eq_ignore_ascii_case(&table.name));
            let known = map_fields::of(&table.name).map(str::to_owned);
            known.chain(more.map(|field| field.column.clone())).collect::<Vec<_>>()
        };
        let mut columns: Vec<_> = by_name[name].iter().flat_map(of_table).collect();
        columns.sort();
        columns.dedup();
        let description = match by_name[name][..] {
            [table] => format!("Rows of {}.", table.name),
            _ => "Rows of several tables; the column Type says of which.".to_owned(),
        };
        Dataset { name: name.to_owned(), description: marked(&description), map_fields: columns }
    };
    order.into_iter().map(dataset).collect()
}

/// A dataset for what we say ourselves.
#[must_use]
pub fn our_own(name: &str, description: &str) -> Dataset {
    Dataset { name: name.to_owned(), description: marked(description), map_fields: Vec::new() }
}

fn marked(description: &str) -> String {
    format!("{description} {MARK}.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datasets_of_tables() {
        let table = |name: &str, dataset: &str| Table { name: name.into(), dataset: dataset.into(), exported: true };
        let fields: Vec<MapField> = vec!["my_cl.Bag".parse().unwrap(), "Other.Bag".parse().unwrap()];
        let tables = [table("SigninLogs", "p-SigninLogs"), table("My_CL", "rest"), table("AuditLogs", "rest")];
        let found = datasets(&tables, &fields);
        let names: Vec<_> = found.iter().map(|dataset| (dataset.name.as_str(), &dataset.map_fields[..])).collect();
        let (sign_ins, rest) = (["DeviceDetail", "LocationDetails", "MfaDetail", "Status"], ["Bag", "InitiatedBy"]);
        assert_eq!(names, [("p-SigninLogs", &sign_ins.map(str::to_owned)[..]), ("rest", &rest.map(str::to_owned)[..])]);
        assert_eq!(found[0].description, "Rows of SigninLogs. Written by sentinel-axiom.");
        assert!(found[1].description.starts_with("Rows of several tables"));
    }

    #[test]
    fn map_fields_of_the_command_line() {
        for text in ["", "Table", "Table.", ".x", "T.a.b", "T.a b"] {
            assert!(text.parse::<MapField>().is_err(), "{text}");
        }
    }
}
