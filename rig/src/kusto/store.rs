//! Databases, their tables, and what each table has besides rows.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::mapping::Mapping;
use super::refusal::Refusal;
use crate::kql::timespan::Range;
use crate::kql::write::Nested;
use crate::kql::{self, Column, Kind, Plan, Row, Table, Tables, ticks};

/// All databases by name.
#[derive(Debug, Default)]
pub(crate) struct Store {
    databases: BTreeMap<String, Database>,
}

/// A database.
#[derive(Debug, Default)]
pub(crate) struct Database {
    pub(crate) tables: Tables,
    extras: BTreeMap<String, Extra>,
}

/// What a table has besides rows.
#[derive(Debug, Default)]
pub(crate) struct Extra {
    pub(crate) mappings: BTreeMap<String, Mapping>,
    /// Its policy for streaming ingestion; none was set where there is none.
    pub(crate) streaming: Option<bool>,
    /// The tags of what was ingested, with `ingest-by:` in front where they have it.
    pub(crate) tags: BTreeSet<String>,
}

impl Store {
    pub(crate) fn new(databases: &[String]) -> Self {
        Self { databases: databases.iter().map(|name| (name.clone(), Database::default())).collect() }
    }

    pub(crate) fn database(&self, name: &str) -> Result<&Database, Refusal> {
        self.databases.get(name).ok_or_else(|| Refusal::missing("Database", name))
    }

    pub(crate) fn database_mut(&mut self, name: &str) -> Result<&mut Database, Refusal> {
        self.databases.get_mut(name).ok_or_else(|| Refusal::missing("Database", name))
    }

    /// All tables, by database and name.
    pub(crate) fn tables(&self) -> impl Iterator<Item = (&str, &str)> {
        self.databases
            .iter()
            .flat_map(|(database, inner)| inner.tables.keys().map(move |table| (database.as_str(), table.as_str())))
    }
}

impl Database {
    pub(crate) fn table(&self, name: &str) -> Result<(&Table, &Extra), Refusal> {
        let missing = || Refusal::missing("Table", name);
        Ok((self.tables.get(name).ok_or_else(missing)?, self.extras.get(name).ok_or_else(missing)?))
    }

    pub(crate) fn table_mut(&mut self, name: &str) -> Result<(&mut Table, &mut Extra), Refusal> {
        let missing = || Refusal::missing("Table", name);
        Ok((self.tables.get_mut(name).ok_or_else(missing)?, self.extras.get_mut(name).ok_or_else(missing)?))
    }

    /// Makes a table, or adds to it the columns that it lacks.
    pub(crate) fn merge(&mut self, name: &str, columns: &[(&str, Kind)]) -> Result<(), Refusal> {
        self.extras.entry(name.to_owned()).or_default();
        let table = self.tables.entry(name.to_owned()).or_insert_with(|| Table::timeless(name, &[]));
        let known = |column: &str| table.columns.iter().find(|known| known.name == column);
        if let Some((column, _)) =
            columns.iter().find(|(column, kind)| known(column).is_some_and(|known| known.kind != *kind))
        {
            return Err(Refusal::bad(&format!("The column '{column}' of table '{name}' has another type.")));
        }
        let fresh: Vec<_> = columns.iter().filter(|(column, _)| known(column).is_none()).collect();
        table.widen(fresh.into_iter().map(|(name, kind)| Column { name: (*name).to_owned(), kind: *kind }));
        Ok(())
    }

    /// Makes a table; one that exists stays as it is.
    pub(crate) fn create(&mut self, name: &str, columns: &[(&str, Kind)]) -> Result<(), Refusal> {
        if self.tables.contains_key(name) { Ok(()) } else { self.merge(name, columns) }
    }

    /// Adds records by a mapping that fits; gives their number.
    pub(crate) fn append(&mut self, table: &str, mapping: &Mapping, records: &[Json]) -> Result<usize, Refusal> {
        let now = ticks::now();
        let (table, _) = self.table_mut(table)?;
        let row = |record| Row::new(0, &mapping.cells(&table.columns, record), "").ingested_at(now);
        let rows: Vec<_> = records.iter().map(row).collect();
        let number = rows.len();
        table.append(rows);
        Ok(number)
    }

    /// All rows of a table, as objects by column.
    pub(crate) fn rows(&self, table: &str) -> Vec<Json> {
        let Ok(query) = kql::parse(&format!("['{table}']"), 0) else { return Vec::new() };
        let Ok(relation) = kql::run(&self.tables, &query, Range::ALL, Plan::Analytics) else { return Vec::new() };
        let form = Nested::objects(&relation, false);
        let row = |row: &Row| {
            let mut text = String::new();
            form.write(row, &mut text);
            serde_json::from_str(&text).expect("a row is JSON")
        };
        relation.rows.iter().map(row).collect()
    }
}
