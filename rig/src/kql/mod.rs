//! A small engine for the query language that Log Analytics, advanced hunting and Azure Data Explorer share: tables of rows, and the part of
//! the language that this project and its peers ask in. Everything else is refused where it stands, in the service's words.
//!
//! A row has the time by which its table is kept in order, if it has one, and the time at which it was ingested. Rows come in the table's
//! order where a query asks for no order; the services promise none.

mod bind;
pub(crate) mod cell;
mod error;
mod lex;
pub(crate) mod parse;
pub(crate) mod run;
mod summarize;
mod table;
pub(crate) mod ticks;
pub(crate) mod timespan;
mod value;
pub(crate) mod write;

pub use table::{Column, Kind, Plan, Row, Table};

pub(crate) use error::QueryError;
pub(crate) use parse::{Column as NamedExpr, Expr, Operator, Query, Source, parse};
pub(crate) use run::{Relation, Tables, run};

/// Adds rows in export form to a table, ingested at one time, or else each at its own.
pub(crate) fn append(
    tables: &mut Tables,
    table: &str,
    rows: &[serde_json::Value],
    ingested: Option<i64>,
) -> anyhow::Result<()> {
    use anyhow::Context as _;
    let table = tables.get_mut(table).with_context(|| format!("there is no table {table}"))?;
    let rows = rows.iter().map(|row| table.row(row)).collect::<anyhow::Result<Vec<_>>>()?;
    table.append(rows.into_iter().map(|row| match ingested {
        Some(ingested) => row.ingested_at(ingested),
        None => row,
    }));
    Ok(())
}
