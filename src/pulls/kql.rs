//! The queries that pulls ask. Pure. Ours are lines behind what people gave, so that a position in an error is one in their text.

use super::pull::INGESTION_TIME;
use crate::loganalytics::kql::{Part, WHOLE};
use crate::query::window::{Ticks, Window};

/// The column that we add for the time at which a row was taken in.
pub const PULLED_AT: &str = "_PulledAt";

/// Column of a count.
pub const ROWS: &str = "Rows";

/// Rows of a sample.
const SAMPLE: u64 = 50;

/// What is asked again and again, in its variations.
#[derive(Debug, Clone)]
pub struct Query {
    /// With the columns that have to be named.
    kql: String,
    /// The column with the time; none for a snapshot.
    watermark: Option<String>,
    /// By what rows are told apart where all at once are too many.
    key: String,
}

impl Query {
    /// An incremental pull: `kql`, the columns that come only when they are named, and the watermark, a column or [`INGESTION_TIME`].
    #[must_use]
    pub fn incremental(kql: &str, hidden: &[String], watermark: &str) -> Self {
        let mut text = kql.to_owned();
        if !hidden.is_empty() {
            text += &format!("\n| extend {}", hidden.join(", "));
        }
        let mut column = watermark;
        if watermark == INGESTION_TIME {
            text += &format!("\n| extend {PULLED_AT} = {INGESTION_TIME}");
            column = PULLED_AT;
        }
        let key = if hidden.iter().any(|name| name == "_ItemId") { "_ItemId" } else { "tostring(pack_all())" };
        Self { kql: text, watermark: Some(column.to_owned()), key: key.to_owned() }
    }

    /// A snapshot, cut by the hash of these columns, or of whole rows.
    #[must_use]
    pub fn snapshot(kql: &str, hidden: &[String], key: &[String]) -> Self {
        let key = match key {
            [] => "tostring(pack_all())".to_owned(),
            [column] => column.clone(),
            columns => format!("strcat({})", columns.join(", \"|\", ")),
        };
        Self { key, watermark: None, ..Self::incremental(kql, hidden, "") }
    }

    /// The column with the time; empty for a snapshot.
    #[must_use]
    pub fn watermark(&self) -> &str {
        self.watermark.as_deref().unwrap_or_default()
    }

    /// The columns, and some rows to see how large they are.
    #[must_use]
    pub fn sample(&self) -> String {
        format!("{}\n| take {SAMPLE}", self.kql)
    }

    /// The first rows of a window by their watermark, at most so many.
    #[must_use]
    pub fn page(&self, Window { from, to }: Window, rows: u64) -> String {
        let column = self.watermark();
        format!(
            "{}\n| where {column} >= datetime({from}) and {column} < datetime({to})\n| sort by {column} asc\n| take {rows}",
            self.kql
        )
    }

    /// A part of the rows with one watermark, or of a snapshot (`at` is none), at most so many.
    #[must_use]
    pub fn part(&self, at: Option<Ticks>, part: Part, rows: u64) -> String {
        format!("{}{}\n| take {rows}", self.at(at), self.only(part))
    }

    /// How many rows there are with one watermark, or in all.
    #[must_use]
    pub fn count(&self, at: Option<Ticks>) -> String {
        format!("{}\n| summarize {ROWS} = count()", self.at(at))
    }

    /// How many rows have no watermark, of those since some time by another column: no incremental pull ever sees them.
    #[must_use]
    pub fn without_watermark(&self, since: Option<(&str, Ticks)>) -> String {
        let since = since.map(|(column, from)| format!("\n| where {column} >= datetime({from})")).unwrap_or_default();
        format!("{}{since}\n| where isnull({})\n| summarize {ROWS} = count()", self.kql, self.watermark())
    }

    fn at(&self, at: Option<Ticks>) -> String {
        let filter = at.map(|at| format!("\n| where {} == datetime({at})", self.watermark()));
        format!("{}{}", self.kql, filter.unwrap_or_default())
    }

    fn only(&self, part: Part) -> String {
        if part == WHOLE {
            String::new()
        } else {
            format!("\n| where hash({}, {}) == {}", self.key, part.of, part.index)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries() {
        let window = Window { from: Ticks(0), to: Ticks(10_000_000) };
        let query = Query::incremental("T_CL", &["_ItemId".to_owned()], INGESTION_TIME);
        let whole = "T_CL\n| extend _ItemId\n| extend _PulledAt = ingestion_time()";
        assert_eq!(query.sample(), format!("{whole}\n| take 50"));
        assert_eq!(
            query.page(window, 7),
            format!(
                "{whole}\n| where _PulledAt >= datetime(1970-01-01T00:00:00.0000000Z) and _PulledAt < datetime(1970-01-01T00:00:01.0000000Z)\
                 \n| sort by _PulledAt asc\n| take 7"
            )
        );
        let half = Part { index: 1, of: 2 };
        assert_eq!(
            query.part(Some(Ticks(1)), half, 7),
            format!(
                "{whole}\n| where _PulledAt == datetime(1970-01-01T00:00:00.0000001Z)\n| where hash(_ItemId, 2) == 1\n| take 7"
            )
        );
        let query = Query::incremental("D | where x", &[], "Seen");
        assert_eq!(query.without_watermark(None), "D | where x\n| where isnull(Seen)\n| summarize Rows = count()");
        let since = query.without_watermark(Some(("Timestamp", Ticks(0))));
        assert!(
            since.contains("| where Timestamp >= datetime(1970-01-01T00:00:00.0000000Z)\n| where isnull(Seen)"),
            "{since}"
        );
        let keys =
            |key: &[&str]| Query::snapshot("D", &[], &key.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>());
        assert_eq!(keys(&[]).part(None, half, 9), "D\n| where hash(tostring(pack_all()), 2) == 1\n| take 9");
        assert_eq!(keys(&["A", "B"]).part(None, half, 9), "D\n| where hash(strcat(A, \"|\", B), 2) == 1\n| take 9");
        assert_eq!(keys(&["A"]).part(None, WHOLE, 9), "D\n| take 9");
        assert_eq!(keys(&["A"]).count(None), "D\n| summarize Rows = count()");
    }
}
