//! Counts against counts. Pure.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::query::window::{DAY, Ticks, Window};

/// One bin of one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Pair {
    /// Rows in Log Analytics.
    pub log_analytics: u64,
    /// Rows in Axiom.
    pub axiom: u64,
}

impl Pair {
    /// Rows that Axiom lacks.
    #[must_use]
    pub fn missing(self) -> u64 {
        self.log_analytics.saturating_sub(self.axiom)
    }

    /// Rows that Axiom has too many of.
    #[must_use]
    pub fn surplus(self) -> u64 {
        self.axiom.saturating_sub(self.log_analytics)
    }

    /// Whether both have the same.
    #[must_use]
    pub fn is_even(self) -> bool {
        self.log_analytics == self.axiom
    }
}

/// All bins of one table that have rows on either side, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// The table, or the query's name.
    pub name: String,
    /// By the beginning of the bin.
    pub bins: BTreeMap<Ticks, Pair>,
}

/// One bin that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The table.
    pub table: String,
    /// The bin.
    #[serde(flatten)]
    pub window: Window,
    /// What is in it.
    #[serde(flatten)]
    pub pair: Pair,
}

impl Table {
    /// Puts both sides together.
    #[must_use]
    pub fn new(name: &str, log_analytics: &BTreeMap<Ticks, u64>, axiom: &BTreeMap<Ticks, u64>) -> Self {
        let mut bins: BTreeMap<Ticks, Pair> = BTreeMap::new();
        let none = Pair { log_analytics: 0, axiom: 0 };
        log_analytics.iter().for_each(|(bin, rows)| bins.entry(*bin).or_insert(none).log_analytics += rows);
        axiom.iter().for_each(|(bin, rows)| bins.entry(*bin).or_insert(none).axiom += rows);
        Self { name: name.to_owned(), bins }
    }

    /// The bins of `width` ticks that differ, within the window that was counted.
    #[must_use]
    pub fn differences(&self, window: Window, width: i64) -> Vec<Difference> {
        let uneven = self.bins.iter().filter(|(_, pair)| !pair.is_even());
        let bin = |from: Ticks| window.and(Window { from, to: Ticks(from.0 + width) });
        uneven.map(|(from, pair)| Difference { table: self.name.clone(), window: bin(*from), pair: *pair }).collect()
    }

    /// All bins as one.
    #[must_use]
    pub fn total(&self) -> Pair {
        sum(self.bins.values())
    }

    /// The bins of each day (UTC) as one; a missing and a surplus row of one day do not cancel each other out.
    #[must_use]
    pub fn days(&self) -> BTreeMap<Ticks, Day> {
        let mut days: BTreeMap<Ticks, Day> = BTreeMap::new();
        for (bin, pair) in &self.bins {
            let day = days.entry(bin.floor(DAY)).or_default();
            day.rows += pair.log_analytics;
            day.missing += pair.missing();
            day.surplus += pair.surplus();
        }
        days
    }
}

/// One day of one table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Day {
    /// Rows in Log Analytics.
    pub rows: u64,
    /// Rows that Axiom lacks.
    pub missing: u64,
    /// Rows that Axiom has too many of.
    pub surplus: u64,
}

fn sum<'a>(pairs: impl Iterator<Item = &'a Pair>) -> Pair {
    pairs.fold(Pair { log_analytics: 0, axiom: 0 }, |sum, pair| Pair {
        log_analytics: sum.log_analytics + pair.log_analytics,
        axiom: sum.axiom + pair.axiom,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_of_either_side_are_compared() {
        let hour = DAY / 24;
        let at = |hours: i64| Ticks(hours * hour);
        let (left, right) = (
            BTreeMap::from([(at(0), 5), (at(1), 7), (at(24), 1)]),
            BTreeMap::from([(at(0), 5), (at(1), 6), (at(2), 1)]),
        );
        let table = Table::new("T", &left, &right);
        let window = Window { from: at(0), to: Ticks(at(24).0 + 9) };
        let differences: Vec<_> =
            table.differences(window, hour).into_iter().map(|bin| (bin.window.from, bin.window.to, bin.pair)).collect();
        let pair = |log_analytics, axiom| Pair { log_analytics, axiom };
        assert_eq!(
            differences,
            [(at(1), at(2), pair(7, 6)), (at(2), at(3), pair(0, 1)), (at(24), window.to, pair(1, 0))]
        );
        assert_eq!(table.total(), pair(13, 12));
        let days: Vec<_> = table.days().into_values().collect();
        assert_eq!(days, [Day { rows: 12, missing: 1, surplus: 1 }, Day { rows: 1, missing: 1, surplus: 0 }]);
    }
}
