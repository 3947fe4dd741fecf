//! What kills hit: the slices that were in somebody's hands, by what is written down of them and by what had arrived.

use std::collections::BTreeMap;

use sentinel_axiom::history::ledger::{Record, State};
use sentinel_axiom::query::window::{Ticks, Window};

use super::rows::Expected;

/// Slices that a run has in its hands at a time, at most.
const SLICES: usize = 8;

/// What a slice is known by: table, window, and when it was last written to.
type Known = (String, Window, time::OffsetDateTime);

/// What kills hit, all together.
#[derive(Debug, Default)]
pub(super) struct Hits {
    /// Kills.
    pub(super) kills: u64,
    /// Of these, with no slice in hand: it was planned, or waited for others.
    pub(super) planning: u64,
    /// Of these, with slices that were read.
    pub(super) reading: u64,
    /// Of these, with slices of which not all rows had arrived.
    pub(super) sending: u64,
    /// Of these, with slices whose rows had all arrived, while that was not written down.
    pub(super) committing: u64,
    /// Most slices in hand at a kill.
    pub(super) most_slices: usize,
    /// Most rows of those slices whose rows were on their way.
    pub(super) most_rows: u64,
    /// Rows of all slices whose rows were on their way, at all kills.
    pub(super) rows: u64,
    /// The largest slice, in rows.
    pub(super) largest: u64,
    /// What must not be.
    pub(super) complaints: Vec<String>,
    /// Slices that earlier kills left behind.
    left: Vec<Known>,
}

/// What is known right after a kill.
pub(super) struct Look<'a> {
    /// What is written down, by table.
    pub(super) records: &'a [(String, Record)],
    /// Rows that arrived while the killed process lived, by `source_blob`.
    pub(super) arrived: &'a BTreeMap<String, u64>,
    pub(super) expected: &'a BTreeMap<String, Expected>,
}

impl Hits {
    /// Counts a kill.
    pub(super) fn add(&mut self, look: &Look<'_>) {
        self.kills += 1;
        let is_open = |record: &Record| matches!(record.state, State::Reading | State::Sending);
        let open = look.records.iter().filter(|(_, record)| is_open(record));
        let known = |(table, record): &(String, Record)| (table.clone(), record.slice.window, record.at);
        let hit: Vec<_> = open.clone().filter(|open| !self.left.contains(&known(open))).collect();
        self.left = open.map(known).collect();
        let (mut reading, mut sending, mut committing, mut rows) = (0, 0, 0, 0);
        for (table, record) in &hit {
            match record.state {
                State::Sending if self.is_complete(look, table, record) => committing += 1,
                State::Sending => sending += 1,
                _ => reading += 1,
            }
            rows += if record.state == State::Sending { record.slice.rows } else { 0 };
        }
        self.planning += u64::from(hit.is_empty());
        self.reading += u64::from(reading > 0);
        self.sending += u64::from(sending > 0);
        self.committing += u64::from(committing > 0);
        self.rows += rows;
        self.most_rows = self.most_rows.max(rows);
        self.most_slices = self.most_slices.max(hit.len());
        if hit.len() > SLICES {
            self.complaints.push(format!(
                "{} slices were in hand at kill {}, at most {SLICES} may be",
                hit.len(),
                self.kills
            ));
        }
    }

    /// Looks at the slices of a run that has ended. One instant is a slice however much it holds, and no other has more than `most` rows.
    pub(super) fn end(&mut self, records: &[(String, Record)], expected: &BTreeMap<String, Expected>, most: u64) {
        self.largest = records.iter().map(|(_, record)| record.slice.rows).max().unwrap_or_default();
        for (table, Record { slice, .. }) in records {
            let is_instant = expected.get(table).is_some_and(|expected| expected.is_instant(slice.window));
            if slice.rows > most && !is_instant {
                let text = format!("{table}: slice {} has {} rows, at most {most} may be", slice.window, slice.rows);
                self.complaints.push(text);
            }
        }
    }

    fn is_complete(&self, look: &Look<'_>, table: &str, record: &Record) -> bool {
        let window = record.slice.window;
        let arrived = look.arrived.get(&source(table, window)).copied().unwrap_or_default();
        look.expected.get(table).is_some_and(|expected| arrived >= expected.rows_in(window))
    }
}

/// What the program calls a slice where its rows arrive.
fn source(table: &str, window: Window) -> String {
    format!("history/{table}/{}_{}", window.from.compact(), window.to.compact())
}

/// Table and window of a slice, by what it is called where its rows arrive.
pub(super) fn slice_of(source: &str) -> Option<(&str, Window)> {
    let (table, slice) = source.strip_prefix("history/")?.split_once('/')?;
    let (from, to) = slice.split_once('_')?;
    Some((table, Window { from: Ticks::parse_compact(from)?, to: Ticks::parse_compact(to)? }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench_history::rows::{Shape, Spread};

    #[test]
    fn slices_are_called_alike_everywhere() {
        let window = Shape { rows: 1, row_bytes: 0, days: 3, spread: Spread::Even, seed: 1 }.range();
        assert_eq!(slice_of(&source("T", window)), Some(("T", window)));
        assert_eq!(slice_of("am-t/x.json"), None);
    }
}
