//! What APL has beside the query language that it comes from, which the engine in `kql` understands: a dataset is a table in the order of
//! `_time`, `bin_auto` chooses a width itself, and rows come newest first, so many on a page ("Run a query").

use std::collections::BTreeSet;

use super::dataset::Dataset;
use super::timestamp;
use crate::kql::ticks::{self, SECOND};
use crate::kql::{Column, Expr, Kind, NamedExpr, Operator, Query, QueryError, Row, Source, Table, cell};

/// Rows of a page where a query asks for no number ("Run a query", cursors).
const PAGE: usize = 1000;

/// The width of `bin_auto`, in ticks. How Axiom chooses it is not documented.
const AUTO: i64 = 60 * SECOND;

/// Nanoseconds in a tick.
const TICK: i64 = 100;

/// A query, ready to be run.
#[derive(Debug, PartialEq)]
pub(crate) struct Apl {
    pub(crate) query: Query,
    /// Names of the columns by which the result is grouped.
    pub(crate) groups: Vec<String>,
    /// Width of the bins of `_time` in nanoseconds.
    pub(crate) bin: Option<i64>,
}

/// Parses a query; the error says what is not understood.
pub(crate) fn parse(text: &str) -> Result<Apl, QueryError> {
    let mut query = crate::kql::parse(text, ticks::now())?;
    let (mut groups, mut bin) = (Vec::new(), None);
    for operator in &mut query.operators {
        if let Operator::Summarize { by, .. } = operator {
            by.iter_mut().for_each(choose_width);
            groups = by.iter().map(NamedExpr::name).collect();
            bin = by.iter().find_map(|column| width(&column.value));
        }
    }
    show_newest_first(&mut query);
    Ok(Apl { query, groups, bin })
}

/// `bin_auto(_time)` becomes a bin of one width.
fn choose_width(column: &mut NamedExpr) {
    if let Expr::Call(name, arguments) = &mut column.value
        && name == "bin_auto"
        && arguments.len() == 1
    {
        *name = "bin".to_owned();
        arguments.push(Expr::Span(AUTO));
    }
}

fn width(value: &Expr) -> Option<i64> {
    match value {
        Expr::Call(name, arguments) => match (name.as_str(), &arguments[..]) {
            ("bin", [Expr::Name(column), Expr::Span(width)]) if column == "_time" => Some(width * TICK),
            _ => None,
        },
        _ => None,
    }
}

/// Rows that are shown as they are, in no order of the query's own, come newest first; without a number there is one page of them.
fn show_newest_first(query: &mut Query) {
    let orders = |operator: &Operator| {
        use Operator::{Count, Distinct, GetSchema, Sort, Summarize, Top};
        matches!(operator, Summarize { .. } | Count | Distinct(_) | GetSchema | Sort(_) | Top(..))
    };
    if !query.operators.iter().any(orders) {
        let conditions = query.operators.iter().take_while(|operator| matches!(operator, Operator::Where(_))).count();
        query.operators.insert(conditions, Operator::Sort(vec![(Expr::Name("_time".to_owned()), true)]));
    }
    let made = |operator: &Operator| matches!(operator, Operator::Summarize { .. } | Operator::Take(_));
    if !query.operators.iter().any(made) {
        query.operators.push(Operator::Take(PAGE));
    }
}

/// The datasets that a query names.
pub(crate) fn datasets(query: &Query) -> BTreeSet<&str> {
    match &query.source {
        Source::Table(name) => BTreeSet::from([name.as_str()]),
        Source::Union { tables, .. } => tables.iter().map(String::as_str).collect(),
        Source::Nested(inner) => datasets(inner),
    }
}

/// The first `visible` rows of a dataset. Without their columns, which are not always kept, only `_time` is known of them.
pub(crate) fn table(name: &str, dataset: &Dataset, visible: usize, kept: bool) -> Table {
    let mut columns = vec![Column { name: "_time".to_owned(), kind: Kind::DateTime }];
    if kept {
        columns.push(Column { name: "_sysTime".to_owned(), kind: Kind::DateTime });
        columns
            .extend(dataset.fields.iter().map(|(name, field)| Column { name: name.clone(), kind: kind(&field.types) }));
    }
    let mut table = Table::in_order_of("_time", name, columns);
    let rows: Vec<_> = (0..visible).map(|row| read_row(&table, dataset, row)).collect();
    table.append(rows);
    table
}

fn read_row(table: &Table, dataset: &Dataset, row: usize) -> Row {
    let (time, values) = (dataset.times[row], dataset.columns.get(row));
    let read = |column: &Column| match values.and_then(|values| values.get(&column.name)) {
        _ if column.name == "_time" => cell::quote(&ticks::format(time.div_euclid(TICK))),
        None | Some(serde_json::Value::Null) => "null".to_owned(),
        value => cell::from_export(column.kind, value),
    };
    let cells: Vec<_> = table.columns().iter().map(read).collect();
    let arrived = values.and_then(|values| timestamp::parse_text(values.get("_sysTime")?.as_str()?));
    Row::new(time.div_euclid(TICK), &cells.join(","), "").ingested_at(arrived.unwrap_or(time).div_euclid(TICK))
}

/// What a column is to the engine whose values have these types. A dynamic one takes values of several.
fn kind(types: &BTreeSet<&str>) -> Kind {
    match types.iter().copied().collect::<Vec<_>>()[..] {
        ["boolean"] => Kind::Bool,
        ["integer"] => Kind::Long,
        ["float"] | ["float", "integer"] => Kind::Real,
        ["string"] => Kind::String,
        _ => Kind::Dynamic,
    }
}

/// Axiom's name for a column's type.
pub(crate) fn type_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Bool => "boolean",
        Kind::DateTime => "datetime",
        Kind::Int | Kind::Long => "integer",
        Kind::Real | Kind::Decimal => "float",
        Kind::Timespan => "timespan",
        Kind::Guid | Kind::String => "string",
        Kind::Dynamic => "unknown",
    }
}

/// Nanoseconds as ticks that are this time or later.
pub(crate) fn at_least(nanos: i64) -> i64 {
    nanos.div_euclid(TICK) + i64::from(nanos.rem_euclid(TICK) > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_choose_their_width() {
        let check = |text: &str, groups: &[&str], bin: Option<i64>| {
            let parsed = parse(text).expect(text);
            assert_eq!(
                (parsed.groups, parsed.bin),
                (groups.iter().map(|name| (*name).to_owned()).collect(), bin),
                "{text}"
            );
        };
        check("ds | summarize count() by bin_auto(_time), a", &["_time", "a"], Some(60_000_000_000));
        check("ds | summarize count() by bin(_time, 1h)", &["_time"], Some(3_600_000_000_000));
        check("ds | summarize count() by ['a.b']", &["a.b"], None);
        check("['my-ds'] | count", &[], None);
    }

    #[test]
    fn rows_come_newest_first() {
        let names = |text: &str| {
            parse(text).expect(text).query.operators.iter().map(Operator::name).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(names("ds"), "sort take");
        assert_eq!(names("ds | where a == 1 | project a | limit 5"), "where sort project take");
        assert_eq!(names("ds | sort by a asc"), "sort take");
        assert_eq!(names("ds | summarize count()"), "summarize");
        assert_eq!(names("ds | count"), "count take");
    }

    #[test]
    fn not_understood() {
        for text in ["", "a-b | count", "ds | mv-expand a", "ds | join other on a", "let x = 1; ds", "ds | summarize"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn names_of_datasets() {
        let named = |text: &str| datasets(&parse(text).expect(text).query).into_iter().collect::<Vec<_>>().join(" ");
        assert_eq!(named("['b.c'] | count"), "b.c");
        assert_eq!(named("union withsource=x b, ['a-a'] | count"), "a-a b");
    }
}
