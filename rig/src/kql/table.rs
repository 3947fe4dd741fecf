//! Tables and their rows, kept in the order of a time where they have one, and ready to be replied.

use anyhow::{Context as _, ensure};
use serde_json::Value as Json;

use super::{cell, ticks};

/// The column by which tables of Log Analytics are filtered.
const TIME: &str = "TimeGenerated";

/// The same in tables of advanced hunting.
const TIMESTAMP: &str = "Timestamp";

/// The time of ingestion of rows that an operator made: they have none.
const NEVER: i64 = i64::MIN;

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
    /// The time that the table is kept in order of, in ticks of 100 ns since the Unix epoch; 0 where it has none.
    pub(crate) time: i64,
    ingested: i64,
    text: Box<str>,
    /// Bytes of the visible cells in `text`.
    visible: u32,
}

impl Row {
    /// A row from cells in reply form: the JSON text of each visible column in order, joined by commas, and the same of the hidden columns.
    /// `time` is the table's time, such as TimeGenerated, in ticks of 100 ns since the Unix epoch and has to be what its cell says; 0 in a
    /// table without one. The row was ingested at that time.
    #[must_use]
    pub fn new(time: i64, visible: &str, hidden: &str) -> Self {
        let length = u32::try_from(visible.len()).expect("a row is smaller than 4 GiB");
        let text = if hidden.is_empty() { visible.to_owned() } else { [visible, hidden].join(",") };
        Self { time, ingested: time, text: text.into_boxed_str(), visible: length }
    }

    /// The same row, ingested at another time, in ticks of 100 ns since the Unix epoch.
    #[must_use]
    pub fn ingested_at(self, ingested: i64) -> Self {
        Self { ingested, ..self }
    }

    /// A row that an operator made.
    pub(crate) fn made(visible: &str) -> Self {
        Self::new(0, visible, "").ingested_at(NEVER)
    }

    /// A row with the times of this one and other cells, none of them hidden.
    pub(crate) fn with_cells(&self, visible: &str) -> Self {
        Self::new(self.time, visible, "").ingested_at(self.ingested)
    }

    /// When it was ingested, where that is known.
    pub(crate) fn ingested(&self) -> Option<i64> {
        (self.ingested != NEVER).then_some(self.ingested)
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

/// A table.
#[derive(Debug, Clone)]
pub struct Table {
    pub(crate) name: String,
    pub(crate) plan: Plan,
    /// The column of the time that the rows are kept in order of.
    pub(crate) time: Option<String>,
    pub(crate) columns: Vec<Column>,
    pub(crate) hidden: Vec<Column>,
    pub(crate) rows: Vec<Row>,
}

impl Table {
    /// A table without rows. `columns` are the visible ones, in the order of replies. Its time is TimeGenerated, or Timestamp where that is
    /// a column and TimeGenerated is not.
    #[must_use]
    pub fn new(name: &str, columns: &[(&str, Kind)]) -> Self {
        Self { time: Some(time_of(columns)), ..Self::timeless(name, columns) }
    }

    /// A table without rows and without a time: rows stay in the order in which they came, and no range of time leaves any out.
    #[must_use]
    pub fn timeless(name: &str, columns: &[(&str, Kind)]) -> Self {
        Self {
            name: name.to_owned(),
            plan: Plan::Analytics,
            time: None,
            columns: list(columns),
            hidden: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// A table without rows, kept in the order of this column, which is a time.
    pub(crate) fn in_order_of(time: &str, name: &str, columns: Vec<Column>) -> Self {
        Self { time: Some(time.to_owned()), columns, ..Self::timeless(name, &[]) }
    }

    /// The visible columns.
    pub(crate) fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The times of the rows, in ticks since the Unix epoch.
    pub(crate) fn times(&self) -> impl Iterator<Item = i64> {
        self.rows.iter().map(|row| row.time)
    }

    /// A table of these rows in export form, with the columns that they show: in order of first appearance, types as the values seem to
    /// be, standard columns such as `_ItemId` hidden. Its time is as in [`Table::new`].
    ///
    /// # Errors
    /// As [`Table::rows`].
    pub fn of(name: &str, rows: &[Json]) -> anyhow::Result<Self> {
        let mut table = Self::shown(name, rows);
        let columns: Vec<_> = table.columns.iter().map(|column| (column.name.as_str(), column.kind)).collect();
        table.time = Some(time_of(&columns));
        table.rows(rows)
    }

    /// The same without a time.
    ///
    /// # Errors
    /// A row is no object.
    pub fn timeless_of(name: &str, rows: &[Json]) -> anyhow::Result<Self> {
        Self::shown(name, rows).rows(rows)
    }

    /// A table with the columns that these rows show, and without rows.
    fn shown(name: &str, rows: &[Json]) -> Self {
        let mut table = Self::timeless(name, &[]);
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
        table
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
    /// A row is no object, or its time, such as TimeGenerated, is none.
    pub fn rows<'a>(mut self, rows: impl IntoIterator<Item = &'a Json>) -> anyhow::Result<Self> {
        let rows = rows.into_iter().map(|row| self.row(row)).collect::<anyhow::Result<Vec<_>>>()?;
        self.append(rows);
        Ok(self)
    }

    /// One row of this table from its export form: columns that it lacks are null, keys that are no columns are left out.
    ///
    /// # Errors
    /// It is no object, or its time, such as TimeGenerated, is none.
    pub fn row(&self, row: &Json) -> anyhow::Result<Row> {
        ensure!(row.is_object(), "a row of {} is no object: {row}", self.name);
        let time = match &self.time {
            Some(name) => row[name]
                .as_str()
                .and_then(ticks::parse)
                .with_context(|| format!("a row of {} has no {name}: {row}", self.name))?,
            None => 0,
        };
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

    /// Adds columns, in which the rows that are there have nothing.
    pub(crate) fn widen(&mut self, columns: impl IntoIterator<Item = Column>) {
        for column in columns {
            let nothing = cell::from_export(column.kind, None);
            for row in &mut self.rows {
                let (visible, hidden) = row.text.split_at(row.visible as usize);
                let between = if visible.is_empty() { "" } else { "," };
                let text = [visible, between, &nothing, hidden].concat();
                row.visible += u32::try_from(between.len() + nothing.len()).expect("a cell without a value is small");
                row.text = text.into_boxed_str();
            }
            self.columns.push(column);
        }
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

/// The column of a table's time.
fn time_of(columns: &[(&str, Kind)]) -> String {
    let has = |name: &str| columns.iter().any(|(column, kind)| *column == name && *kind == Kind::DateTime);
    (if has(TIMESTAMP) && !has(TIME) { TIMESTAMP } else { TIME }).to_owned()
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
    fn columns_that_come_later() {
        let mut table = Table::timeless("T", &[]).hidden(&[("_ItemId", Kind::String)]);
        table.append([Row::new(0, "", "\"i\"")]);
        let column = |name: &str, kind| Column { name: name.to_owned(), kind };
        table.widen([column("a", Kind::Long)]);
        table.widen([column("b", Kind::String), column("c", Kind::Dynamic)]);
        assert_eq!((table.rows[0].visible(), table.columns.len()), ("null,\"\",null", 3));
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

    #[test]
    fn hunting_tables_go_by_timestamp_or_by_nothing() {
        let rows = [
            json!({"Timestamp": "2026-01-02T00:00:00Z", "N": 2}),
            json!({"Timestamp": "2026-01-01T00:00:00Z", "N": 1}),
        ];
        let numbers = |table: &Table| table.rows.iter().map(|row| row.cell(0).to_owned()).collect::<Vec<_>>();
        let table = Table::of("T", &rows).unwrap();
        assert_eq!((table.time.as_deref(), numbers(&table)), (Some("Timestamp"), vec!["1".to_owned(), "2".to_owned()]));
        let table = Table::timeless_of("T", &rows).unwrap();
        assert_eq!((table.time.as_deref(), numbers(&table)), (None, vec!["2".to_owned(), "1".to_owned()]));
        let columns = [("Timestamp", Kind::DateTime), ("TimeGenerated", Kind::DateTime)];
        assert_eq!(Table::new("T", &columns).time.as_deref(), Some("TimeGenerated"));
        let table = Table::timeless("T", &[("N", Kind::Long)]).rows(&[json!({"N": 1}), json!({})]).unwrap();
        assert_eq!((table.len(), table.rows[1].cell(0), table.rows[0].ingested()), (2, "null", Some(0)));
    }

    #[test]
    fn rows_are_ingested_at_their_time_unless_they_say_otherwise() {
        let row = Row::new(5, "1", "");
        assert_eq!(
            (row.ingested(), row.ingested_at(7).ingested(), Row::made("1").ingested()),
            (Some(5), Some(7), None)
        );
    }
}
