//! Looks at both sides while the demo runs: what was written, what arrived, what was set aside, what is left.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures::TryStreamExt as _;
use sentinel_axiom::azure::Blobs;
use sentinel_axiom::refused::RefusedRows;

use super::sink::{Arrived, Sink};
use crate::lag::Lag;
use crate::writer::{TableWritten, Written, container};

/// One table at one moment.
#[derive(Debug, Clone, Default)]
pub(super) struct TableState {
    pub(super) written: TableWritten,
    pub(super) arrived: Arrived,
    /// The rows that were set aside, byte for byte.
    pub(super) refused: Vec<Vec<u8>>,
    pub(super) blobs_left: u64,
    /// The longest that rows were under way, or are, since the look before.
    pub(super) lag: Duration,
    /// The same since the start.
    pub(super) longest_lag: Duration,
}

impl TableState {
    /// Whether every row is accounted for: the good ones arrived, the wrong ones were set aside with the very bytes that were written.
    pub(super) fn is_complete(&self) -> bool {
        self.is_delivered() && self.is_set_aside()
    }

    /// Equal fingerprints where both are known. Rows that arrived twice (a crash, a lost answer) are allowed for and shown.
    fn is_delivered(&self) -> bool {
        match self.arrived.distinct {
            Some(distinct) => distinct == self.written.good,
            None => self.arrived.rows >= self.written.good.rows,
        }
    }

    fn is_set_aside(&self) -> bool {
        let sorted = |rows: &[Vec<u8>]| {
            let mut rows = rows.to_vec();
            rows.sort();
            rows
        };
        sorted(&self.refused) == sorted(&self.written.bad)
    }
}

/// All tables, by name.
pub(super) type State = BTreeMap<String, TableState>;

pub(super) struct Watch {
    pub(super) sink: Sink,
    pub(super) export: Blobs,
    pub(super) refused: RefusedRows,
    /// Rows set aside, by the record that holds them.
    seen: BTreeMap<String, Vec<(String, Vec<u8>)>>,
    lag: Lag,
    /// The longest lag since the look before and since the start, by table.
    longest: BTreeMap<String, (Duration, Duration)>,
}

impl Watch {
    pub(super) fn new(sink: Sink, export: Blobs, refused: RefusedRows) -> Self {
        Watch { sink, export, refused, seen: BTreeMap::new(), lag: Lag::default(), longest: BTreeMap::new() }
    }

    pub(super) async fn look(&mut self, written: &Written, tables: &[String]) -> anyhow::Result<State> {
        let now = Instant::now();
        self.read_refused().await?;
        let containers: Vec<String> = self.export.containers("am-").try_collect().await?;
        let mut state = State::new();
        for table in tables {
            let mut entry =
                TableState { written: written.tables.get(table).cloned().unwrap_or_default(), ..TableState::default() };
            entry.arrived = self.sink.arrived(table).await?;
            let mine = self.seen.values().flatten().filter(|(of, _)| of == table);
            entry.refused = mine.map(|(_, row)| row.clone()).collect();
            let name = container(table);
            if containers.contains(&name) {
                let blobs = self.export.list(&name, "").try_fold(0, async |count, _| Ok(count + 1));
                entry.blobs_left = blobs.await?;
            }
            self.note_lag(table, entry.written.good.rows, entry.arrived.rows, now);
            let (lag, longest) = self.longest.entry(table.clone()).or_default();
            (entry.lag, entry.longest_lag) = (std::mem::take(lag), *longest);
            state.insert(table.clone(), entry);
        }
        Ok(state)
    }

    /// Looks at the lag alone, which is shorter than the time between two looks.
    pub(super) fn sample(&mut self, written: &Written) {
        let now = Instant::now();
        for (table, written) in &written.tables {
            if let Some(arrived) = self.sink.rows_now(table) {
                self.note_lag(table, written.good.rows, arrived, now);
            }
        }
    }

    fn note_lag(&mut self, table: &str, written: u64, arrived: u64, now: Instant) {
        let age = self.lag.look(table, written, arrived, now);
        let lag = self.lag.take_done().into_iter().fold(age, Duration::max);
        let (recent, longest) = self.longest.entry(table.to_owned()).or_default();
        (*recent, *longest) = (lag.max(*recent), lag.max(*longest));
    }

    /// Reads the records that were not there before. A record is written once; a repeated batch writes the same again.
    async fn read_refused(&mut self) -> anyhow::Result<()> {
        let names: Vec<String> = match self.refused.list("").try_collect().await {
            Ok(names) => names,
            // The container is created with the first row that is set aside.
            Err(error) if error.status() == Some(404) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        for name in names {
            if !self.seen.contains_key(&name) {
                let (records, _) = self.refused.read(&name).await?;
                let rows = records.iter().map(|record| (Sink::table_of(&record.dataset).to_owned(), record.bytes()));
                self.seen.insert(name, rows.collect());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::Content;

    fn content(rows: &[&str]) -> Content {
        let mut content = Content::default();
        rows.iter().for_each(|row| content.add(row.as_bytes()));
        content
    }

    #[test]
    fn a_table_is_complete_when_every_row_is_accounted_for() {
        let check = |arrived: Arrived, refused: &[&str], expected: bool| {
            let mut state = TableState { arrived, ..TableState::default() };
            state.written.good = content(&["a", "b"]);
            state.written.bad = vec![b"x".to_vec(), b"y".to_vec()];
            state.refused = refused.iter().map(|row| row.as_bytes().to_vec()).collect();
            assert_eq!(state.is_complete(), expected, "{arrived:?} {refused:?}");
        };
        let hashed = |rows: &[&str]| Arrived { rows: 9, distinct: Some(content(rows)), ..Arrived::default() };
        check(hashed(&["b", "a"]), &["y", "x"], true);
        check(hashed(&["b"]), &["y", "x"], false);
        check(hashed(&["b", "c"]), &["y", "x"], false);
        check(hashed(&["b", "a", "c"]), &["y", "x"], false);
        check(hashed(&["b", "a"]), &["x"], false);
        check(hashed(&["b", "a"]), &["x", "z"], false);
        check(Arrived { rows: 2, ..Arrived::default() }, &["x", "y"], true);
        check(Arrived { rows: 1, ..Arrived::default() }, &["x", "y"], false);
    }
}
