//! Is it all there? Rows per table and time bin in Log Analytics, against those in Axiom; and the repair of what differs.
//!
//! `compare` and `page` are pure.

pub mod compare;
pub mod page;
pub mod repair;

use std::collections::BTreeMap;

use crate::axiom::Axiom;
use crate::axiom::query::AskError;
use crate::history::job::Job;
use crate::history::plan::Bin;
use crate::loganalytics::kql::literal;
use crate::query::window::{SECOND, Ticks, Window};

/// Bins that one question asks for: Axiom gives 1000 rows on a page.
pub const BINS: i64 = 1000;

/// A table and where its rows are in Axiom.
#[derive(Debug, Clone)]
pub struct Place {
    /// The dataset.
    pub dataset: String,
    /// The rows' `Type`, where the dataset holds other tables, too.
    pub only: Option<String>,
}

impl Place {
    /// Where the rows of a job go; `shared` where one dataset takes all tables.
    #[must_use]
    pub fn of(job: &Job, dataset: &str, shared: bool) -> Self {
        let only = (shared && job.query.is_none()).then(|| job.name.clone());
        Self { dataset: dataset.to_owned(), only }
    }

    fn apl(&self, window: Window, rest: &str) -> String {
        let only = self.only.as_ref().map_or_else(String::new, |table| format!(" | where Type == {}", literal(table)));
        format!(
            "['{}'] | where _time >= datetime({}) and _time < datetime({}){only} | {rest}",
            self.dataset, window.from, window.to
        )
    }

    /// Asks about a window. None where there is no dataset.
    async fn ask(
        &self,
        axiom: &Axiom,
        window: Window,
        rest: &str,
    ) -> Result<Option<crate::axiom::query::Columns>, AskError> {
        // Where Axiom looks may be wider than what the query takes, and whether its end belongs to it is not documented.
        let (start, end) = (window.from.to_string(), Ticks(window.to.0 + SECOND).to_string());
        axiom.ask(&self.dataset, &self.apl(window, rest), (&start, &end)).await
    }

    /// Rows of each bin of `width` ticks that has any. A window has at most [`BINS`] of them.
    ///
    /// # Errors
    /// [`AskError`].
    pub async fn bins(&self, axiom: &Axiom, window: Window, width: i64) -> Result<Vec<Bin>, AskError> {
        let rest = format!("summarize Rows = count() by bin(_time, {}s)", width / SECOND);
        let Some(columns) = self.ask(axiom, window, &rest).await? else { return Ok(Vec::new()) };
        let bin = |(time, rows): (&serde_json::Value, &serde_json::Value)| {
            Some(Bin { from: Ticks::parse(time.as_str()?)?, rows: rows.as_u64()?, bytes: 0 })
        };
        let bins: Option<Vec<_>> = columns.get("_time").iter().zip(columns.get("Rows")).map(bin).collect();
        bins.ok_or_else(|| self.unreadable("a bin has no time or no count"))
    }

    /// How many rows a window has.
    ///
    /// # Errors
    /// [`AskError`].
    pub async fn count(&self, axiom: &Axiom, window: Window) -> Result<u64, AskError> {
        let Some(columns) = self.ask(axiom, window, "summarize Rows = count()").await? else { return Ok(0) };
        match columns.get("Rows") {
            [] => Ok(0),
            [rows, ..] => rows.as_u64().ok_or_else(|| self.unreadable("the count is no number")),
        }
    }

    /// The ids of the rows of a window, which has at most [`BINS`].
    ///
    /// # Errors
    /// [`AskError`].
    pub async fn ids(&self, axiom: &Axiom, window: Window) -> Result<Vec<String>, AskError> {
        let rest = format!("project ['_ItemId'] | limit {BINS}");
        let columns = self.ask(axiom, window, &rest).await?.unwrap_or_default();
        Ok(columns.get("_ItemId").iter().filter_map(|id| id.as_str().map(str::to_owned)).collect())
    }

    fn unreadable(&self, what: &str) -> AskError {
        AskError::Trouble { dataset: self.dataset.clone(), reason: what.to_owned() }
    }
}

/// Stretches of a window that have at most [`BINS`] bins of this width, cut where bins begin.
#[must_use]
pub fn stretches(window: Window, width: i64) -> Vec<Window> {
    let (mut from, mut stretches) = (window.from, Vec::new());
    while from < window.to {
        let to = Ticks(from.floor(width).0 + BINS * width).min(window.to);
        stretches.push(Window { from, to });
        from = to;
    }
    stretches
}

/// Rows by bin.
#[must_use]
pub fn by_bin(bins: impl IntoIterator<Item = Bin>) -> BTreeMap<Ticks, u64> {
    let mut rows = BTreeMap::new();
    bins.into_iter().for_each(|bin| *rows.entry(bin.from).or_default() += bin.rows);
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::window::DAY;

    #[test]
    fn stretches_are_cut_where_bins_begin() {
        let window = Window { from: Ticks(5), to: Ticks(2500 * DAY + 7) };
        let parts = stretches(window, DAY);
        assert_eq!((parts[0].from, parts[2].to, parts.len()), (window.from, window.to, 3));
        assert!(parts.windows(2).all(|pair| pair[0].to == pair[1].from && pair[0].to.floor(DAY) == pair[0].to));
    }

    #[test]
    fn questions_name_the_table_where_others_share_the_dataset() {
        let window = Window { from: Ticks(0), to: Ticks(DAY) };
        let apl =
            |only: Option<&str>| Place { dataset: "d".into(), only: only.map(str::to_owned) }.apl(window, "count");
        let within =
            "where _time >= datetime(1970-01-01T00:00:00.0000000Z) and _time < datetime(1970-01-02T00:00:00.0000000Z)";
        assert_eq!(apl(None), format!("['d'] | {within} | count"));
        assert_eq!(apl(Some("T")), format!("['d'] | {within} | where Type == \"T\" | count"));
    }
}
