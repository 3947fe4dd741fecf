//! Which columns of a source come only when they are named.

use super::kql::HIDDEN;
use super::{LogAnalytics, Plan};
use crate::query::AskError;
use crate::query::window::{Ticks, Window};

/// Times that a query for no rows may time out.
const PROBES: u32 = 5;

/// The window of a query for no rows.
pub const NONE: Window = Window { from: Ticks(0), to: Ticks(1) };

/// The hidden columns that a source has. `columns` makes a query for its columns and no row, with these hidden ones named.
///
/// # Errors
/// The workspace does not know the table, or does not understand the query.
pub async fn hidden(
    log_analytics: &LogAnalytics,
    columns: impl Fn(&[String]) -> String,
    plan: Plan,
) -> Result<Vec<String>, AskError> {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let has = |names: &[&str]| {
        let kql = columns(&owned(names));
        async move { probe(log_analytics, &kql, plan).await }
    };
    has(&[]).await?;
    if has(&HIDDEN).await.is_ok() {
        return Ok(owned(&HIDDEN));
    }
    let mut there = Vec::new();
    for name in HIDDEN {
        match has(&[name]).await {
            Ok(()) => there.push(name),
            Err(AskError::Refused { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(owned(&there))
}

/// Asks for no row at all, to learn whether the columns are there.
async fn probe(log_analytics: &LogAnalytics, kql: &str, plan: Plan) -> Result<(), AskError> {
    let mut tries = 0;
    loop {
        tries += 1;
        match log_analytics.ask(kql, NONE, plan).await {
            // No row is never too much: this was a bad moment.
            Err(AskError::TooMuch(_)) if tries < PROBES => {}
            answer => return answer.map(drop),
        }
    }
}
