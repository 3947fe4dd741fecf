//! What moving history takes, before anything is moved: rows and bytes by table and day, then calls, time and money. [`Estimate::of`] is pure.

use serde::Serialize;

use super::plan::{self, Bin, Queries};
use crate::loganalytics::Plan;

/// Bytes of JSON for a byte that the service estimates: names of columns and quotes come on top. Assumed.
const JSON: f64 = 1.3;

/// JSON is so many times as large as what goes over the wire (docs/performance.md).
const RATIO: f64 = 12.0;

/// US dollars for a gigabyte that leaves Azure (after the first 100 GB of a month, from Europe or North America).
const EGRESS_GIGABYTE: f64 = 0.087;

/// US dollars for a gigabyte that a query of a Basic or Auxiliary table looks at.
const SCAN_GIGABYTE: f64 = 0.005;

/// Seconds that a query takes besides its bytes, and bytes per second that one of them gives. Assumed; what a run shows is measured.
const QUERY_SECONDS: f64 = 2.0;
const QUERY_BYTES_PER_SECOND: f64 = 4e6;

/// Calls per second that the service allows.
const CALLS_PER_SECOND: f64 = 200.0 / 30.0;

/// One day of one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Day {
    /// The table, or the query's name.
    pub table: String,
    /// `2026-01-31`, UTC.
    pub day: String,
    /// Rows.
    pub rows: u64,
    /// Their size in bytes, as the service estimates it.
    pub bytes: u64,
}

/// What moving takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Estimate {
    /// Rows.
    pub rows: u64,
    /// Their size in bytes, as the service estimates it.
    pub bytes: u64,
    /// Queries.
    pub calls: u64,
    /// How long it takes at least.
    pub seconds: f64,
    /// US dollars to Azure, for traffic and for queries of Basic tables; what Axiom takes depends on one's plan, by [`Estimate::json_bytes`].
    pub dollars: f64,
    /// What arrives, in bytes of JSON.
    pub json_bytes: f64,
}

impl Estimate {
    /// Of the days of one table that have rows, which were counted with `counted` queries, in slices of at most `slice_rows`.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    pub fn of(days: &[Bin], counted: u64, plan: Plan, slice_rows: u64) -> Self {
        let (rows, bytes) = (days.iter().map(|day| day.rows).sum(), days.iter().map(|day| day.bytes).sum::<u64>());
        let Queries { slices, counts } = plan::queries(days, slice_rows);
        let calls = counted + counts + slices;
        let reading = slices as f64 * QUERY_SECONDS + bytes as f64 * JSON / QUERY_BYTES_PER_SECOND;
        let seconds = (calls as f64 / CALLS_PER_SECOND).max(reading / plan.at_once() as f64);
        let egress = bytes as f64 * JSON / RATIO / 1e9 * EGRESS_GIGABYTE;
        // Counted, counted once more, and read.
        let scan = if plan == Plan::Basic { 3.0 * bytes as f64 / 1e9 * SCAN_GIGABYTE } else { 0.0 };
        Self { rows, bytes, calls, seconds, dollars: egress + scan, json_bytes: bytes as f64 * JSON }
    }

    /// Both.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self {
            rows: self.rows + other.rows,
            bytes: self.bytes + other.bytes,
            calls: self.calls + other.calls,
            seconds: self.seconds + other.seconds,
            dollars: self.dollars + other.dollars,
            json_bytes: self.json_bytes + other.json_bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::plan::SLICE_ROWS;
    use crate::query::window::{DAY, Ticks};

    #[test]
    fn days_that_fit_share_a_query_and_large_ones_take_many() {
        let day = |number: i64, rows, bytes| Bin { from: Ticks(number * DAY), rows, bytes };
        let small: Vec<_> = (0..100).map(|number| day(number, 100, 50_000)).collect();
        let estimate = Estimate::of(&small, 1, Plan::Analytics, SLICE_ROWS);
        assert_eq!((estimate.rows, estimate.bytes, estimate.calls), (10_000, 5_000_000, 2));
        let large = Estimate::of(&[day(0, 1_000_000, 1_000_000_000)], 1, Plan::Analytics, SLICE_ROWS);
        assert_eq!(large.calls, 1 + (1 + 5) + 63);
        assert!(large.seconds > 60.0 && large.dollars > 0.009 && large.dollars < 0.0095, "{large:?}");
        let basic = Estimate::of(&[day(0, 1_000_000, 1_000_000_000)], 1, Plan::Basic, SLICE_ROWS);
        assert!(basic.seconds > large.seconds && (basic.dollars - large.dollars - 0.015).abs() < 1e-9);
        assert_eq!(Estimate::of(&[], 1, Plan::Analytics, SLICE_ROWS).calls, 1);
        assert_eq!(large.with(estimate).rows, 1_010_000);
    }
}
