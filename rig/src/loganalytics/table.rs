//! Tables and their rows, kept in the order of TimeGenerated and ready to be replied.

use anyhow::{Context as _, ensure};
use serde_json::Value as Json;

use super::{cell, ticks};

/// The column by which all tables are filtered.
pub(crate) const TIME: &str = "TimeGenerated";

/// Standard columns that come only when named.
const HIDDEN: [&str; 6] = ["_ItemId", "_BilledSize", "_IsBillable", "_TimeReceived", "_SubscriptionId", "_ResourceId"];

/// A column's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// A time in ticks of 100 ns.
    DateTime,
    /// A decimal number, replied as a string.
    Decimal,
    /// Any JSON value, replied as JSON text in a string.
    Dynamic,
    /// A GUID.
    Guid,
    /// A number of 32 bits.
    Int,
    /// A number of 64 bits.
    Long,
    /// A floating-point number.
    Real,
    /// Text; never null.
    String,
    /// A duration.
    Timespan,
}

impl Kind {
    /// The query language's name and the .NET name, as `getschema` has them.
    pub(crate) fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Bool => ("bool", "System.SByte"),
            Self::DateTime => ("datetime", "System.DateTime"),
            Self::Decimal => ("decimal", "System.Data.SqlTypes.SqlDecimal"),
            Self::Dynamic => ("dynamic", "System.Object"),
            Self::Guid => ("guid", "System.Guid"),
            Self::Int => ("int", "System.Int32"),
            Self::Long => ("long", "System.Int64"),
            Self::Real => ("real", "System.Double"),
            Self::String => ("string", "System.String"),
            Self::Timespan => ("timespan", "System.TimeSpan"),
        }
    }

    /// The type that a value in export form seems to have.
    fn of(value: &Json) -> Option<Self> {
        Some(match value {
            Json::Null => return None,
            Json::Bool(_) => Self::Bool,
            Json::Number(number) if number.is_i64() => Self::Long,
            Json::Number(_) => Self::Real,
            Json::Array(_) | Json::Object(_) => Self::Dynamic,
            Json::String(text) if text.contains('T') && ticks::parse(text).is_some() => Self::DateTime,
            Json::String(_) => Self::String,
        })
    }
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name; case counts.
    pub name: String,
    /// Its type.
    pub kind: Kind,
}

/// A table's plan, which decides the endpoint that answers for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// Asked through `/query`.
    Analytics,
    /// Basic or Auxiliary: asked through `/search`.
    Basic,
}

/// One row: the JSON texts of all its cells, joined by commas, first the visible ones, then the hidden ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// TimeGenerated, in ticks of 100 ns since the Unix epoch.
    pub(crate) time: i64,
    text: Box<str>,
    /// Bytes of the visible cells in `text`.
    visible: u32,
}

impl Row {
    /// A row from cells in reply form: the JSON text of each visible column in order, joined by commas, and the same of the hidden columns.
    /// `time` is TimeGenerated in ticks of 100 ns since the Unix epoch and has to be what its cell says.
    #[must_use]
    pub fn new(time: i64, visible: &str, hidden: &str) -> Self {
        let length = u32::try_from(visible.len()).expect("a row is smaller than 4 GiB");
        let text = if hidden.is_empty() { visible.to_owned() } else { [visible, hidden].join(",") };
        Self { time, text: text.into_boxed_str(), visible: length }
    }

    /// The visible cells' text.
    pub(crate) fn visible(&self) -> &str {
        &self.text[..self.visible as usize]
    }

    /// The texts of all cells.
    pub(crate) fn cells(&self) -> impl Iterator<Item = &str> {
        cell::split(&self.text)
    }

    /// The text of one cell; hidden ones count on from the visible ones.
    pub(crate) fn cell(&self, index: usize) -> &str {
        self.cells().nth(index).unwrap_or("null")
    }
}

/// A table of the workspace.
#[derive(Debug, Clone)]
pub struct Table {
    pub(crate) name: String,
    pub(crate) plan: Plan,
    pub(crate) columns: Vec<Column>,
    pub(crate) hidden: Vec<Column>,
    pub(crate) rows: Vec<Row>,
}

impl Table {
    /// A table without rows. `columns` are the visible ones, in the order of replies.
    #[must_use]
    pub fn new(name: &str, columns: &[(&str, Kind)]) -> Self {
        Self {
            name: name.to_owned(),
            plan: Plan::Analytics,
            columns: list(columns),
            hidden: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// A table of these rows in export form, with the columns that they show: in order of first appearance, types as the values seem to
    /// be, standard columns such as `_ItemId` hidden.
    ///
    /// # Errors
    /// As [`Table::rows`].
    pub fn of(name: &str, rows: &[Json]) -> anyhow::Result<Self> {
        let mut table = Self::new(name, &[]);
        for (name, value) in rows.iter().filter_map(Json::as_object).flatten() {
            let columns = if HIDDEN.contains(&name.as_str()) { &mut table.hidden } else { &mut table.columns };
            let Some(kind) = Kind::of(value) else { continue };
            match columns.iter_mut().find(|column| column.name == *name) {
                None => columns.push(Column { name: name.clone(), kind }),
                Some(column) if column.kind == kind => {}
                Some(column) if column.kind == Kind::Long && kind == Kind::Real => column.kind = kind,
                Some(column) if column.kind == Kind::Real && kind == Kind::Long => {}
                Some(column) if column.kind == Kind::DateTime => column.kind = Kind::String,
                Some(_) => {}
            }
        }
        table.rows(rows)
    }

    /// Adds columns that are replied only when named.
    #[must_use]
    pub fn hidden(mut self, columns: &[(&str, Kind)]) -> Self {
        self.hidden.extend(list(columns));
        self
    }

    /// The same table with another plan.
    #[must_use]
    pub fn plan(self, plan: Plan) -> Self {
        Self { plan, ..self }
    }

    /// Adds rows in export form: objects by column name.
    ///
    /// # Errors
    /// A row is no object, or its TimeGenerated no time.
    pub fn rows<'a>(mut self, rows: impl IntoIterator<Item = &'a Json>) -> anyhow::Result<Self> {
        let rows = rows.into_iter().map(|row| self.row(row)).collect::<anyhow::Result<Vec<_>>>()?;
        self.append(rows);
        Ok(self)
    }

    /// One row of this table from its export form: columns that it lacks are null, keys that are no columns are left out.
    ///
    /// # Errors
    /// It is no object, or its TimeGenerated no time.
    pub fn row(&self, row: &Json) -> anyhow::Result<Row> {
        ensure!(row.is_object(), "a row of {} is no object: {row}", self.name);
        let time = row[TIME].as_str().and_then(ticks::parse);
        let time = time.with_context(|| format!("a row of {} has no {TIME}: {row}", self.name))?;
        let cells = |columns: &[Column]| {
            let cells: Vec<_> =
                columns.iter().map(|column| cell::from_export(column.kind, row.get(&column.name))).collect();
            cells.join(",")
        };
        Ok(Row::new(time, &cells(&self.columns), &cells(&self.hidden)))
    }

    /// Adds rows that are made already.
    pub fn append(&mut self, rows: impl IntoIterator<Item = Row>) {
        self.rows.extend(rows);
        // Stable, and quick where most of it is in order already.
        self.rows.sort_by_key(|row| row.time);
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether it has no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

fn list(columns: &[(&str, Kind)]) -> Vec<Column> {
    columns.iter().map(|(name, kind)| Column { name: (*name).to_owned(), kind: *kind }).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rows_in_export_form_make_a_table() {
        let rows = [
            json!({"TimeGenerated": "2026-01-02T00:00:00.5000000Z", "Count": 2, "Props": {"a": 1}, "Type": "T", "_ItemId": "i2"}),
            json!({"TimeGenerated": "2026-01-01T00:00:00.0000000Z", "Count": 1.5, "Type": "T", "_ItemId": "i1"}),
        ];
        let table = Table::of("T", &rows).unwrap();
        let kind = |name: &str| table.columns.iter().find(|column| column.name == name).map(|column| column.kind);
        assert_eq!(
            ["TimeGenerated", "Count", "Props", "Type", "_ItemId"].map(kind),
            [Some(Kind::DateTime), Some(Kind::Real), Some(Kind::Dynamic), Some(Kind::String), None]
        );
        assert_eq!(table.hidden, [Column { name: "_ItemId".into(), kind: Kind::String }]);
        let hidden: Vec<_> = table.rows.iter().map(|row| row.cell(table.columns.len())).collect();
        assert_eq!(hidden, ["\"i1\"", "\"i2\""], "in the order of TimeGenerated");
        assert!(Table::of("T", &[json!({"Count": 1})]).is_err());
    }

    #[test]
    fn late_rows_find_their_place() {
        let mut table = Table::new("T", &[("TimeGenerated", Kind::DateTime)]);
        let row = |time: i64, name: &str| Row::new(time, name, "");
        table.append([row(1, "a"), row(3, "b")]);
        table.append([row(2, "c"), row(3, "d"), row(0, "e")]);
        let order: Vec<_> = table.rows.iter().map(Row::visible).collect();
        assert_eq!(order, ["e", "a", "c", "b", "d"]);
    }
}
