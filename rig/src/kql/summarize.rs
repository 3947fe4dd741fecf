//! `summarize` and `distinct`: groups of rows, and what is computed over each.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use super::bind::{Bound, semantic};
use super::error::QueryError;
use super::parse::{Column as Parsed, Expr};
use super::run::Relation;
use super::table::{Kind, Row};
use super::value::Value;

/// What is computed over a group.
enum Function {
    Count,
    CountIf(Bound),
    Sum(Bound),
    Min(Bound),
    Max(Bound),
    DistinctCount(Bound),
    /// The value that so many percent of the values are not above.
    Percentile(Bound, f64),
}

/// How far it is.
enum State {
    Count(i64),
    Long(i64),
    Real(f64),
    Extreme(Value<'static>),
    Seen(HashSet<String>),
    Values(Vec<Value<'static>>, f64),
}

/// Groups rows by some columns; groups come in order of their first row.
pub(crate) fn run<'a>(rows: &Relation, aggregates: &[Parsed], by: &[Parsed]) -> Result<Relation<'a>, QueryError> {
    let keys = by.iter().map(|column| rows.scope.column("summarize", column)).collect::<Result<Vec<_>, _>>()?;
    let functions = aggregates.iter().map(|column| function(rows, column)).collect::<Result<Vec<_>, _>>()?;
    let (mut places, mut groups) = (HashMap::new(), Vec::new());
    if keys.is_empty() {
        // All rows are one group, even where there are none.
        places.insert(String::new(), 0);
        groups.push((String::new(), start(&functions)));
    }
    let mut last: Option<(Vec<Value>, usize)> = None;
    for row in rows.rows.iter() {
        let values: Vec<_> = keys.iter().map(|key| key.value.value(row)).collect();
        // Rows of one group mostly follow each other: bins of time do.
        let place = match last {
            Some((known, place)) if known == values => place,
            _ => {
                let key: Vec<_> = keys.iter().map(|key| key.value.cell(row)).collect();
                *places.entry(key.join(",")).or_insert_with_key(|key| {
                    groups.push((key.clone(), start(&functions)));
                    groups.len() - 1
                })
            }
        };
        for ((_, _, function), state) in functions.iter().zip(&mut groups[place].1) {
            add(function, state, row);
        }
        last = Some((values, place));
    }
    let columns = keys.iter().map(|key| (key.name.clone(), key.kind));
    let columns = columns.chain(functions.iter().map(|(name, kind, _)| (name.clone(), *kind))).collect();
    let made = groups.into_iter().map(|(key, states)| {
        let key = (!key.is_empty()).then_some(key);
        let cells = key.into_iter().chain(states.into_iter().map(finish)).collect::<Vec<_>>();
        Row::made(&cells.join(","))
    });
    Ok(Relation::made(columns, made.collect(), rows.scanned))
}

fn function(rows: &Relation, column: &Parsed) -> Result<(String, Kind, Function), QueryError> {
    let Expr::Call(call, arguments) = &column.value else {
        return Err(semantic("SEM0086", "'summarize' operator: an aggregate function is expected".to_owned()));
    };
    let bind = |argument: &Expr| {
        let parsed = Parsed { name: None, value: argument.clone() };
        rows.scope.column("summarize", &parsed).map(|column| (column.kind, column.value))
    };
    let (kind, function) = match (call.as_str(), &arguments[..]) {
        ("count", []) => (Kind::Long, Function::Count),
        ("countif", [condition]) => (Kind::Long, Function::CountIf(bind(condition)?.1)),
        ("percentile", [argument, Expr::Long(percent @ 0..=100)]) => {
            let percent = f64::from(u8::try_from(*percent).expect("at most 100"));
            bind(argument).map(|(kind, value)| (kind, Function::Percentile(value, percent)))?
        }
        ("sum", [argument]) => {
            let (kind, value) = bind(argument)?;
            (if matches!(kind, Kind::Real | Kind::Decimal) { Kind::Real } else { Kind::Long }, Function::Sum(value))
        }
        ("min", [argument]) => bind(argument).map(|(kind, value)| (kind, Function::Min(value)))?,
        ("max", [argument]) => bind(argument).map(|(kind, value)| (kind, Function::Max(value)))?,
        ("dcount", [argument]) => (Kind::Long, Function::DistinctCount(bind(argument)?.1)),
        _ => return Err(semantic("SEM0260", format!("Unknown function: '{call}'."))),
    };
    Ok((column.name(), kind, function))
}

fn start(functions: &[(String, Kind, Function)]) -> Vec<State> {
    let state = |(_, kind, function): &(String, Kind, Function)| match function {
        Function::Count | Function::CountIf(_) => State::Count(0),
        Function::Sum(_) if *kind == Kind::Real => State::Real(0.0),
        Function::Sum(_) => State::Long(0),
        Function::Min(_) | Function::Max(_) => State::Extreme(Value::Null),
        Function::DistinctCount(_) => State::Seen(HashSet::new()),
        Function::Percentile(_, percent) => State::Values(Vec::new(), *percent),
    };
    functions.iter().map(state).collect()
}

fn add(function: &Function, state: &mut State, row: &Row) {
    match (function, state) {
        (Function::Count, State::Count(count)) => *count += 1,
        (Function::CountIf(condition), State::Count(count)) => *count += i64::from(condition.holds(row)),
        (Function::Sum(value), State::Long(sum)) => {
            if let Value::Long(number) = value.value(row) {
                *sum += number;
            }
        }
        (Function::Sum(value), State::Real(sum)) => {
            if let Value::Real(number) = value.value(row) {
                *sum += number;
            }
        }
        (Function::Min(value), State::Extreme(least)) => extreme(value.value(row), least, "<"),
        (Function::Max(value), State::Extreme(most)) => extreme(value.value(row), most, ">"),
        (Function::DistinctCount(value), State::Seen(seen)) => {
            seen.insert(value.cell(row).into_owned());
        }
        (Function::Percentile(value, _), State::Values(values, _)) => match value.value(row) {
            Value::Null => {}
            value => values.push(value.into_owned()),
        },
        _ => unreachable!("each function starts with its own state"),
    }
}

fn extreme(value: Value, known: &mut Value<'static>, sign: &str) {
    if value != Value::Null && (*known == Value::Null || value.compare(sign, known)) {
        *known = value.into_owned();
    }
}

fn finish(state: State) -> String {
    match state {
        State::Count(number) | State::Long(number) => number.to_string(),
        State::Real(number) => Value::Real(number).to_cell(),
        State::Extreme(value) => value.to_cell(),
        State::Seen(seen) => seen.len().to_string(),
        State::Values(values, percent) => nearest_rank(values, percent).to_cell(),
    }
}

/// One of the values; null where there are none.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of rows"
)]
fn nearest_rank(mut values: Vec<Value<'static>>, percent: f64) -> Value<'static> {
    values.sort_by(|one, other| one.order(other).unwrap_or(Ordering::Equal));
    let rank = (percent / 100.0 * values.len() as f64).ceil() as usize;
    values.into_iter().nth(rank.saturating_sub(1)).unwrap_or(Value::Null)
}
