//! Expressions whose names are resolved: what they are computed from, row by row.

use std::borrow::Cow;

use super::cell;
use super::error::QueryError;
use super::parse::{Column as Parsed, Expr};
use super::table::{Kind, Row};
use super::ticks::{DAY, SECOND};
use super::value::Value;

/// What a row costs beside the text of its cells, as `estimate_data_size` has it.
const ROW_OVERHEAD: i64 = 16;

/// Functions that are known, and refused with other arguments.
const FUNCTIONS: [&str; 16] = [
    "hash",
    "tostring",
    "tolower",
    "pack_all",
    "estimate_data_size",
    "isnotempty",
    "isempty",
    "isnotnull",
    "isnull",
    "ingestion_time",
    "now",
    "ago",
    "not",
    "bin",
    "datetime_diff",
    "round",
];

/// A column of a result.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) value: Bound,
}

/// An expression over the rows below.
#[derive(Debug, Clone)]
pub(crate) enum Bound {
    Cell(usize, Kind),
    /// The time that a table is kept in order of, by the number of its cell.
    Time(usize),
    /// When the row was ingested.
    Ingested,
    Literal(Value<'static>),
    Hash(Box<Bound>, Option<i64>),
    PackAll(Vec<Column>),
    /// The visible cells of the row below that are counted as they are, if they are, and further columns.
    DataSize(Option<usize>, Vec<Column>),
    ToText(Box<Bound>),
    ToLower(Box<Bound>),
    /// What stands under a key of a dynamic value; null where nothing does.
    Property(Box<Bound>, String),
    IsEmpty(Box<Bound>, bool),
    IsNull(Box<Bound>, bool),
    Not(Box<Bound>),
    Bin(Box<Bound>, i64),
    And(Box<Bound>, Box<Bound>),
    Or(Box<Bound>, Box<Bound>),
    Compare(&'static str, Box<Bound>, Box<Bound>),
    In(&'static str, Box<Bound>, Vec<Bound>),
    Arithmetic(&'static str, Box<Bound>, Box<Bound>),
    Round(Box<Bound>, i32),
    /// Borders of a unit, in ticks, between the second time and the first.
    Between(i64, Box<Bound>, Box<Bound>),
}

impl Bound {
    /// Its value for one row.
    pub(crate) fn value<'a>(&self, row: &'a Row) -> Value<'a> {
        match self {
            Self::Cell(index, kind) => Value::of(*kind, row.cell(*index)),
            Self::Time(_) => Value::Time(row.time),
            Self::Ingested => row.ingested().map_or(Value::Null, Value::Time),
            Self::Literal(value) => value.clone(),
            Self::Hash(inner, parts) => {
                let hash = inner.value(row).hash();
                Value::Long(parts.map_or(hash, |parts| hash.rem_euclid(parts)))
            }
            Self::PackAll(columns) => Value::Text(pack(columns, row).into()),
            Self::DataSize(whole, rest) => {
                let whole = whole.map_or(0, |cells| row.visible().len() + 1 - cells);
                let rest: usize = rest.iter().map(|column| column.value.cell(row).len()).sum();
                Value::Long(ROW_OVERHEAD + i64::try_from(whole + rest).expect("a row fits memory"))
            }
            Self::ToText(inner) => Value::Text(inner.value(row).to_text().into()),
            Self::ToLower(inner) => Value::Text(inner.value(row).to_text().to_lowercase().into()),
            Self::Property(inner, key) => inner.value(row).property(key),
            Self::IsEmpty(inner, empty) => Value::Bool(inner.value(row).is_empty() == *empty),
            Self::IsNull(inner, null) => Value::Bool((inner.value(row) == Value::Null) == *null),
            Self::Not(inner) => Value::Bool(!inner.holds(row)),
            Self::Bin(inner, width) => match inner.value(row) {
                Value::Time(ticks) => Value::Time(ticks - ticks.rem_euclid(*width)),
                Value::Long(number) => Value::Long(number - number.rem_euclid(*width)),
                _ => Value::Null,
            },
            Self::And(one, other) => Value::Bool(one.holds(row) && other.holds(row)),
            Self::Or(one, other) => Value::Bool(one.holds(row) || other.holds(row)),
            Self::Compare(sign, one, other) => Value::Bool(one.value(row).compare(sign, &other.value(row))),
            Self::In(sign, one, others) => {
                let one = one.value(row);
                Value::Bool(others.iter().any(|other| one.compare(sign, &other.value(row))))
            }
            Self::Arithmetic(sign, one, other) => one.value(row).arithmetic(sign, &other.value(row)),
            Self::Round(inner, digits) => inner.value(row).round(*digits),
            Self::Between(unit, one, other) => match (one.value(row), other.value(row)) {
                (Value::Time(one), Value::Time(other)) => Value::Long(one.div_euclid(*unit) - other.div_euclid(*unit)),
                _ => Value::Null,
            },
        }
    }

    /// Whether a condition holds.
    pub(crate) fn holds(&self, row: &Row) -> bool {
        self.value(row) == Value::Bool(true)
    }

    /// Its cell in a reply.
    pub(crate) fn cell<'a>(&self, row: &'a Row) -> Cow<'a, str> {
        match self {
            Self::Cell(index, _) | Self::Time(index) => row.cell(*index).into(),
            other => other.value(row).to_cell().into(),
        }
    }

    /// The same, where the row's cells are known already.
    pub(crate) fn pick<'a>(&self, row: &'a Row, cells: &[&'a str]) -> Cow<'a, str> {
        match self {
            Self::Cell(index, _) | Self::Time(index) => cells.get(*index).copied().unwrap_or("null").into(),
            other => other.value(row).to_cell().into(),
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::Cell(_, kind) => *kind,
            Self::Time(_) | Self::Ingested => Kind::DateTime,
            Self::Hash(..) | Self::DataSize(..) | Self::Between(..) => Kind::Long,
            Self::Arithmetic(_, one, other) if [one.kind(), other.kind()] == [Kind::Long; 2] => Kind::Long,
            Self::Arithmetic(..) | Self::Round(..) => Kind::Real,
            Self::PackAll(_) | Self::Property(..) => Kind::Dynamic,
            Self::ToText(_) | Self::ToLower(_) => Kind::String,
            Self::Bin(inner, _) => inner.kind(),
            Self::Literal(value) => match value {
                Value::Bool(_) => Kind::Bool,
                Value::Long(_) => Kind::Long,
                Value::Real(_) => Kind::Real,
                Value::Time(_) => Kind::DateTime,
                Value::Span(_) => Kind::Timespan,
                Value::Text(_) | Value::Null => Kind::String,
            },
            Self::IsEmpty(..)
            | Self::IsNull(..)
            | Self::Not(_)
            | Self::And(..)
            | Self::Or(..)
            | Self::Compare(..)
            | Self::In(..) => Kind::Bool,
        }
    }
}

/// A row as one JSON object.
fn pack(columns: &[Column], row: &Row) -> String {
    let below: Vec<_> = row.cells().collect();
    let cells =
        columns.iter().map(|column| format!("{}:{}", cell::quote(&column.name), column.value.pick(row, &below)));
    format!("{{{}}}", cells.collect::<Vec<_>>().join(","))
}

/// The names that an operator may use.
#[derive(Debug, Clone)]
pub(crate) struct Scope {
    /// What a reply shows.
    pub(crate) visible: Vec<Column>,
    /// What comes only when named.
    pub(crate) hidden: Vec<Column>,
    /// Visible cells of the rows below; 0 where an operator made the rows.
    pub(crate) base: usize,
}

impl Scope {
    /// Splits the columns into the visible cells of the rows below, where they are shown as they are, and the rest. Most queries do so.
    pub(crate) fn whole(&self) -> (Option<usize>, &[Column]) {
        let same = |(index, column): (usize, &Column)| matches!(column.value, Bound::Cell(cell, _) | Bound::Time(cell) if cell == index);
        match self.visible.get(..self.base) {
            Some(first) if self.base > 0 && first.iter().enumerate().all(same) => {
                (Some(self.base), &self.visible[self.base..])
            }
            _ => (None, &self.visible),
        }
    }

    /// Binds an expression; `operator` is for the error's words.
    pub(crate) fn bind(&self, operator: &str, expr: &Expr) -> Result<Bound, QueryError> {
        let bind = |expr: &Expr| self.bind(operator, expr);
        let boxed = |expr: &Expr| bind(expr).map(Box::new);
        Ok(match expr {
            Expr::Name(name) => {
                let mut columns = self.visible.iter().chain(&self.hidden);
                let column = columns.find(|column| column.name == *name);
                column.ok_or_else(|| QueryError::column(operator, name))?.value.clone()
            }
            Expr::Text(text) => Bound::Literal(Value::Text(text.clone().into())),
            Expr::Long(number) => Bound::Literal(Value::Long(*number)),
            Expr::Real(number) => Bound::Literal(Value::Real(*number)),
            Expr::Bool(value) => Bound::Literal(Value::Bool(*value)),
            Expr::Span(ticks) => Bound::Literal(Value::Span(*ticks)),
            Expr::Time(ticks) => Bound::Literal(Value::Time(*ticks)),
            Expr::Star => {
                return Err(semantic("SEM0100", format!("'{operator}' operator: '*' is no scalar expression")));
            }
            Expr::Call(name, arguments) => self.call(operator, name, arguments)?,
            Expr::Binary("and", one, other) => Bound::And(boxed(one)?, boxed(other)?),
            Expr::Binary("or", one, other) => Bound::Or(boxed(one)?, boxed(other)?),
            Expr::Binary(sign @ ("+" | "-" | "*" | "/"), one, other) => {
                let (one, other) = (boxed(one)?, boxed(other)?);
                [&one, &other].into_iter().try_for_each(|side| number(operator, side.kind()))?;
                Bound::Arithmetic(sign, one, other)
            }
            Expr::Binary(sign, one, other) => {
                let (one, other) = (boxed(one)?, boxed(other)?);
                comparable(one.kind(), other.kind())?;
                Bound::Compare(sign, one, other)
            }
            Expr::Property(value, key) => Bound::Property(boxed(value)?, key.clone()),
            Expr::In(sign, one, others) => {
                let one = boxed(one)?;
                let others = others.iter().map(bind).collect::<Result<Vec<_>, _>>()?;
                others.iter().try_for_each(|other| comparable(one.kind(), other.kind()))?;
                Bound::In(sign, one, others)
            }
        })
    }

    fn call(&self, operator: &str, name: &str, arguments: &[Expr]) -> Result<Bound, QueryError> {
        let bind = |expr: &Expr| self.bind(operator, expr).map(Box::new);
        Ok(match (name, arguments) {
            ("hash", [value]) => Bound::Hash(bind(value)?, None),
            ("hash", [value, Expr::Long(parts)]) if *parts > 0 => Bound::Hash(bind(value)?, Some(*parts)),
            ("tostring", [value]) => Bound::ToText(bind(value)?),
            ("tolower", [value]) => Bound::ToLower(bind(value)?),
            ("pack_all", []) => Bound::PackAll(self.visible.clone()),
            ("estimate_data_size", [Expr::Star]) => {
                let (whole, rest) = self.whole();
                Bound::DataSize(whole, rest.to_vec())
            }
            ("isnotempty", [value]) => Bound::IsEmpty(bind(value)?, false),
            ("isempty", [value]) => Bound::IsEmpty(bind(value)?, true),
            ("isnotnull", [value]) => Bound::IsNull(bind(value)?, false),
            ("isnull", [value]) => Bound::IsNull(bind(value)?, true),
            ("ingestion_time", []) => Bound::Ingested,
            ("not", [value]) => Bound::Not(bind(value)?),
            ("bin", [value, Expr::Span(width) | Expr::Long(width)]) if *width > 0 => Bound::Bin(bind(value)?, *width),
            ("round", [value]) => Bound::Round(bind(value)?, 0),
            ("round", [value, Expr::Long(digits @ 0..=15)]) => {
                Bound::Round(bind(value)?, i32::try_from(*digits).expect("at most 15"))
            }
            ("datetime_diff", [Expr::Text(part), one, other]) if unit(part).is_some() => {
                Bound::Between(unit(part).unwrap_or(SECOND), bind(one)?, bind(other)?)
            }
            (known, _) if FUNCTIONS.contains(&known) => {
                let message = format!("'{operator}' operator: {name}(): arguments are not supported");
                return Err(semantic("SEM0219", message));
            }
            _ => return Err(semantic("SEM0260", format!("Unknown function: '{name}'."))),
        })
    }

    /// Binds `Name = expression`; a bare name keeps its name.
    pub(crate) fn column(&self, operator: &str, column: &Parsed) -> Result<Column, QueryError> {
        let value = self.bind(operator, &column.value)?;
        Ok(Column { name: column.name(), kind: value.kind(), value })
    }
}

/// The name of a column that is given none.
pub(crate) fn default_name(expr: &Expr) -> String {
    match expr {
        Expr::Name(name) => name.clone(),
        Expr::Call(name, arguments) if name == "bin" => arguments.first().map_or_else(String::new, default_name),
        Expr::Call(name, arguments) => match arguments.first() {
            Some(Expr::Name(column)) => format!("{name}_{column}"),
            _ => format!("{name}_"),
        },
        _ => "Column1".to_owned(),
    }
}

pub(crate) fn semantic(code: &'static str, message: String) -> QueryError {
    QueryError::Semantic { code, message }
}

/// Ticks of the parts of a time that are of one length.
fn unit(part: &str) -> Option<i64> {
    Some(match part {
        "day" => DAY,
        "hour" => 3600 * SECOND,
        "minute" => 60 * SECOND,
        "second" => SECOND,
        _ => return None,
    })
}

/// Refuses to compute with what is no number; times and durations, with which the language computes too, are not supported.
fn number(operator: &str, kind: Kind) -> Result<(), QueryError> {
    if matches!(kind, Kind::Int | Kind::Long | Kind::Real | Kind::Decimal) {
        return Ok(());
    }
    Err(semantic("SEM0063", format!("'{operator}' operator: arithmetic with {} is not supported", kind.names().0)))
}

/// Refuses to compare a time with a text and the like; a dynamic value goes with everything.
fn comparable(one: Kind, other: Kind) -> Result<(), QueryError> {
    let class = |kind| match kind {
        Kind::Bool => "bool",
        Kind::DateTime => "datetime",
        Kind::Int | Kind::Long | Kind::Real | Kind::Decimal => "number",
        Kind::Timespan => "timespan",
        Kind::Guid | Kind::String => "string",
        Kind::Dynamic => "dynamic",
    };
    if class(one) == class(other) || [one, other].contains(&Kind::Dynamic) {
        return Ok(());
    }
    let (one, other) = (one.names().0, other.names().0);
    let message = format!("Cannot compare values of types {one} and {other}. Try adding explicit casts");
    Err(semantic("SEM0064", message))
}
