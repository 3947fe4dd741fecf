//! Runs a query over the tables.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::bind::{Bound, Column, Scope};
use super::error::QueryError;
use super::parse::{Column as Parsed, Expr, Operator, Query, Source};
use super::summarize;
use super::table::{Kind, Plan, Row, Table};
use super::timespan::Range;
use super::value::Value;

/// Tables by name.
pub(crate) type Tables = BTreeMap<String, Table>;

/// Rows on their way through the operators.
pub(crate) enum Rows<'a> {
    /// A stretch of a table, in the order of its time.
    Stretch(&'a [Row]),
    /// Some rows of a table.
    Picked(Vec<&'a Row>),
    /// Rows that an operator made.
    Made(Vec<Row>),
}

impl Rows<'_> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Stretch(rows) => rows.len(),
            Self::Picked(rows) => rows.len(),
            Self::Made(rows) => rows.len(),
        }
    }

    pub(crate) fn get(&self, index: usize) -> &Row {
        match self {
            Self::Stretch(rows) => &rows[index],
            Self::Picked(rows) => rows[index],
            Self::Made(rows) => &rows[index],
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Row> {
        (0..self.len()).map(|index| self.get(index))
    }
}

/// Rows with the names of their columns.
pub(crate) struct Relation<'a> {
    /// The name of the reply's table.
    pub(crate) name: &'static str,
    pub(crate) scope: Scope,
    pub(crate) rows: Rows<'a>,
    /// Rows of the table in the time range.
    pub(crate) scanned: usize,
}

/// Runs a query over the rows in a time range, through the endpoint for this plan.
pub(crate) fn run<'a>(
    tables: &'a Tables,
    query: &Query,
    range: Range,
    endpoint: Plan,
) -> Result<Relation<'a>, QueryError> {
    let of = |operator, name: &String| {
        let table = tables.get(name).ok_or_else(|| QueryError::table(operator, name))?;
        if table.plan == Plan::Basic && endpoint == Plan::Analytics {
            return Err(QueryError::basic());
        }
        Ok(Relation::of(table, range))
    };
    let mut relation = match &query.source {
        Source::Nested(inner) => run(tables, inner, range, endpoint)?,
        Source::Table(name) => of(query.operators.first().map_or("", Operator::name), name)?,
        Source::Union { tables, with_source } => {
            let parts = tables.iter().map(|name| of("union", name)).collect::<Result<Vec<_>, _>>()?;
            Relation::below_each_other(&parts, tables, with_source.as_ref())
        }
    };
    for operator in &query.operators {
        relation = relation.apply(operator)?;
    }
    Ok(relation)
}

impl<'a> Relation<'a> {
    fn of(table: &'a Table, range: Range) -> Self {
        let (visible, hidden) = (&table.columns, &table.hidden);
        let column = |(index, column): (usize, &super::table::Column)| {
            let is_time = table.time.as_ref() == Some(&column.name) && column.kind == Kind::DateTime;
            let value = if is_time { Bound::Time(index) } else { Bound::Cell(index, column.kind) };
            Column { name: column.name.clone(), kind: column.kind, value }
        };
        let mut columns: Vec<_> = visible.iter().chain(hidden).enumerate().map(column).collect();
        let hidden = columns.split_off(visible.len());
        let rows = if table.time.is_some() { between(&table.rows, range) } else { &table.rows };
        let scope = Scope { visible: columns, hidden, base: visible.len() };
        Self { name: "PrimaryResult", scope, scanned: rows.len(), rows: Rows::Stretch(rows) }
    }

    /// The rows of several tables: columns by name, in the order in which they first appear. `with_source` is a column with the table's name.
    fn below_each_other(parts: &[Relation<'_>], names: &[String], with_source: Option<&String>) -> Self {
        let mut columns: Vec<(String, Kind)> =
            with_source.map(|name| (name.clone(), Kind::String)).into_iter().collect();
        for column in parts.iter().flat_map(|part| &part.scope.visible) {
            match columns.iter_mut().find(|(name, _)| *name == column.name) {
                None => columns.push((column.name.clone(), column.kind)),
                Some((_, kind)) if *kind == column.kind => {}
                Some((_, kind)) => *kind = Kind::Dynamic, // It takes every type.
            }
        }
        let mut rows = Vec::new();
        for (part, name) in parts.iter().zip(names) {
            let source = super::cell::quote(name);
            let below = |wanted: &String| part.scope.visible.iter().find(|column| column.name == *wanted);
            let places: Vec<_> = columns.iter().map(|(name, _)| below(name)).collect();
            rows.extend(part.rows.iter().map(|row| {
                let cells: Vec<_> = row.cells().collect();
                let cell = |(place, (name, _)): (&Option<&Column>, &(String, Kind))| match place {
                    _ if with_source == Some(name) => source.clone(),
                    Some(column) => column.value.pick(row, &cells).into_owned(),
                    None => "null".to_owned(),
                };
                row.with_cells(&places.iter().zip(&columns).map(cell).collect::<Vec<_>>().join(","))
            }));
        }
        Self::made(columns, rows, parts.iter().map(|part| part.scanned).sum())
    }

    /// Rows that an operator made.
    pub(crate) fn made(columns: Vec<(String, Kind)>, rows: Vec<Row>, scanned: usize) -> Self {
        let column = |(index, (name, kind))| Column { name, kind, value: Bound::Cell(index, kind) };
        let scope =
            Scope { visible: columns.into_iter().enumerate().map(column).collect(), hidden: Vec::new(), base: 0 };
        Self { name: "PrimaryResult", scope, rows: Rows::Made(rows), scanned }
    }

    /// Whether the rows are rows of a table and no sums over them.
    pub(crate) fn is_plain(&self) -> bool {
        !matches!(self.rows, Rows::Made(_))
    }

    fn apply(mut self, operator: &Operator) -> Result<Self, QueryError> {
        let name = operator.name();
        match operator {
            Operator::Where(condition) => {
                let condition = self.scope.bind(name, condition)?;
                self.filter(condition);
            }
            Operator::Extend(columns) => {
                let columns = self.columns(name, columns)?;
                for column in columns {
                    match self.scope.visible.iter_mut().find(|old| old.name == column.name) {
                        Some(old) => *old = column,
                        None => self.scope.visible.push(column),
                    }
                }
            }
            Operator::Project(columns) => {
                self.scope = Scope { visible: self.columns(name, columns)?, hidden: Vec::new(), base: self.scope.base };
            }
            Operator::ProjectAway(names) => {
                for gone in names {
                    self.scope.bind(name, &Expr::Name(gone.clone()))?;
                }
                self.scope.visible.retain(|column| !names.contains(&column.name));
            }
            Operator::Take(rows) => self.truncate(*rows),
            Operator::Sort(columns) => self.sort(name, columns)?,
            Operator::Top(rows, column) => {
                self.sort(name, std::slice::from_ref(column))?;
                self.truncate(*rows);
            }
            Operator::Count => {
                let row = Row::made(&self.rows.len().to_string());
                return Ok(Self::made(vec![("Count".to_owned(), Kind::Long)], vec![row], self.scanned));
            }
            Operator::Summarize { aggregates, by } => return summarize::run(&self, aggregates, by),
            Operator::Distinct(by) => return summarize::run(&self, &[], by),
            Operator::GetSchema => return Ok(self.schema()),
        }
        Ok(self)
    }

    fn columns(&self, operator: &str, columns: &[Parsed]) -> Result<Vec<Column>, QueryError> {
        columns.iter().map(|column| self.scope.column(operator, column)).collect()
    }

    fn filter(&mut self, condition: Bound) {
        let condition = match self.rows {
            Rows::Stretch(rows) => {
                let (rows, rest) = narrow(rows, condition);
                (self.rows, self.scanned) = (Rows::Stretch(rows), rows.len());
                rest
            }
            _ => Some(condition),
        };
        let Some(condition) = condition else { return };
        match &mut self.rows {
            Rows::Stretch(rows) => {
                self.rows = Rows::Picked(rows.iter().filter(|row| condition.holds(row)).collect());
            }
            Rows::Picked(rows) => rows.retain(|row| condition.holds(row)),
            Rows::Made(rows) => rows.retain(|row| condition.holds(row)),
        }
    }

    /// Keeps the first rows.
    pub(crate) fn truncate(&mut self, most: usize) {
        match &mut self.rows {
            Rows::Stretch(rows) => *rows = &rows[..most.min(rows.len())],
            Rows::Picked(rows) => rows.truncate(most),
            Rows::Made(rows) => rows.truncate(most),
        }
    }

    fn sort(&mut self, operator: &str, columns: &[(Expr, bool)]) -> Result<(), QueryError> {
        let bind = |(column, down): &(Expr, bool)| Ok((self.scope.bind(operator, column)?, *down));
        let keys = columns.iter().map(bind).collect::<Result<Vec<_>, QueryError>>()?;
        let order = |one: &Row, other: &Row| {
            let by_key = |(key, down): &(Bound, bool)| {
                let order = key.value(one).order(&key.value(other)).unwrap_or(Ordering::Equal);
                if *down { order.reverse() } else { order }
            };
            keys.iter().map(by_key).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
        };
        match &mut self.rows {
            Rows::Stretch(rows) => {
                let mut picked: Vec<_> = rows.iter().collect();
                picked.sort_by(|one, other| order(one, other));
                self.rows = Rows::Picked(picked);
            }
            Rows::Picked(rows) => rows.sort_by(|one, other| order(one, other)),
            Rows::Made(rows) => rows.sort_by(order),
        }
        Ok(())
    }

    fn schema(&self) -> Self {
        let rows = self.scope.visible.iter().enumerate().map(|(ordinal, column)| {
            let (kind, dotnet) = column.kind.names();
            let cells = [Value::Text(dotnet.into()), Value::Text(kind.into())].map(|value| value.to_cell()).join(",");
            Row::made(&format!("{},{ordinal},{cells}", super::cell::quote(&column.name)))
        });
        let columns = [
            ("ColumnName", Kind::String),
            ("ColumnOrdinal", Kind::Int),
            ("DataType", Kind::String),
            ("ColumnType", Kind::String),
        ];
        let columns = columns.map(|(name, kind)| (name.to_owned(), kind)).into();
        Self { name: "getschema", ..Self::made(columns, rows.collect(), self.scanned) }
    }
}

/// The rows in a time range.
fn between(rows: &[Row], range: Range) -> &[Row] {
    let from = rows.partition_point(|row| row.time < range.from);
    let to = rows.partition_point(|row| row.time <= range.to);
    &rows[from..to.max(from)]
}

/// Uses the order of the rows for the parts of a condition that can; gives what is left of it.
fn narrow(rows: &[Row], condition: Bound) -> (&[Row], Option<Bound>) {
    match condition {
        Bound::And(one, other) => {
            let (rows, one) = narrow(rows, *one);
            let (rows, other) = narrow(rows, *other);
            let rest = match (one, other) {
                (Some(one), Some(other)) => Some(Bound::And(Box::new(one), Box::new(other))),
                (one, other) => one.or(other),
            };
            (rows, rest)
        }
        Bound::Compare(sign, one, other) => match (&*one, &*other) {
            (Bound::Time(_), Bound::Literal(Value::Time(at))) if sign != "!=" => (stretch(rows, sign, *at), None),
            _ => (rows, Some(Bound::Compare(sign, one, other))),
        },
        other => (rows, Some(other)),
    }
}

fn stretch<'a>(rows: &'a [Row], sign: &str, at: i64) -> &'a [Row] {
    let (below, upto) = (rows.partition_point(|row| row.time < at), rows.partition_point(|row| row.time <= at));
    match sign {
        "<" => &rows[..below],
        "<=" => &rows[..upto],
        ">" => &rows[upto..],
        ">=" => &rows[below..],
        _ => &rows[below..upto],
    }
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
