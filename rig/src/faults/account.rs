//! What became of each row: pure, so that it can be seen to complain.
//!
//! Rows are told apart by their bytes. Every row ever written must be in Axiom, or set aside, or still at its source.

use std::collections::{BTreeMap, HashMap};

/// Rows by their bytes, and how often each is there. Wrong rows may be alike, so a count is needed everywhere.
pub type Rows = HashMap<Vec<u8>, u64>;

/// What was written.
#[derive(Debug, Clone, Default)]
pub struct Written {
    /// Rows that belong into Axiom.
    pub good: Rows,
    /// Rows that must be set aside: malformed, or of a kind that Axiom refuses.
    pub bad: Rows,
}

/// One row, or a part of one, of a record of refused rows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Aside {
    /// The source blob and its creation time, which tells two blobs of one name apart.
    pub blob: String,
    /// Where it stood there, in bytes.
    pub offset: u64,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Why, in the program's words.
    pub reason: String,
    /// Whether Axiom may hold it as well.
    pub perhaps_delivered: bool,
}

/// What was found at the end.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// Rows that Axiom has committed.
    pub axiom: Rows,
    /// Everything that was set aside, in any order; a repeated batch may have left a second record of the same row.
    pub aside: Vec<Aside>,
    /// Rows that are still in a blob, beyond its offset.
    pub source: Rows,
}

/// What became of the rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// Rows that are nowhere.
    pub lost: Vec<Vec<u8>>,
    /// Good rows that the program took for bad ones without asking Axiom, and bad rows in Axiom.
    pub misplaced: Vec<Vec<u8>>,
    /// Found, and never written: a row that was altered on the way.
    pub foreign: Vec<Vec<u8>>,
    /// Rows that are somewhere once more than they were written: those that Axiom has twice, or has while they are still at their source or set
    /// aside for certain.
    pub duplicates: u64,
    /// Rows set aside.
    pub set_aside: u64,
}

/// What was set aside, sorted out.
#[derive(Default)]
struct Sorted {
    /// By the program's own judgement.
    judged: Rows,
    /// By Axiom's, which says that it has not taken the row.
    surely: Rows,
    /// By Axiom's, which may hold it all the same.
    perhaps: Rows,
    foreign: Vec<Vec<u8>>,
}

impl Account {
    /// Compares what was written with what was found.
    #[must_use]
    pub fn of(written: &Written, found: &Found) -> Self {
        let aside = sort_out(written, &found.aside);
        let mut account = Self { foreign: aside.foreign, ..Self::default() };
        for (good, rows) in [(true, &written.good), (false, &written.bad)] {
            for (row, written) in rows {
                let count = |rows: &Rows| rows.get(row).copied().unwrap_or(0);
                let (axiom, source) = (count(&found.axiom), count(&found.source));
                let (judged, surely, perhaps) = (count(&aside.judged), count(&aside.surely), count(&aside.perhaps));
                let certain = axiom + source + judged + surely;
                if certain + perhaps < *written {
                    account.lost.push(row.clone());
                }
                if (good && judged > 0) || (!good && axiom > 0) {
                    account.misplaced.push(row.clone());
                }
                account.duplicates += certain.saturating_sub(*written);
                account.set_aside += judged + surely + perhaps;
            }
        }
        let is_written = |row: &&Vec<u8>| written.good.contains_key(*row) || written.bad.contains_key(*row);
        let elsewhere = found.axiom.keys().chain(found.source.keys());
        account.foreign.extend(elsewhere.filter(|row| !is_written(row)).cloned());
        account
    }

    /// What must never be, in words; empty when all is well. At most `bound` duplicates are excused.
    #[must_use]
    pub fn complaints(&self, bound: u64) -> Vec<String> {
        let rows = |what: &str, rows: &[Vec<u8>]| {
            let shown: Vec<String> = rows.iter().take(5).map(|row| name(row)).collect();
            (!rows.is_empty()).then(|| format!("{} rows {what}: {}", rows.len(), shown.join(", ")))
        };
        let doubled = self.duplicates > bound;
        let doubled = doubled.then(|| format!("{} rows once too often, at most {bound} are excused", self.duplicates));
        let complaints = [
            rows("lost", &self.lost),
            rows("in the wrong place", &self.misplaced),
            rows("found that nobody wrote", &self.foreign),
            doubled,
        ];
        complaints.into_iter().flatten().collect()
    }
}

/// Rows by their bytes.
pub fn rows(rows: impl IntoIterator<Item = Vec<u8>>) -> Rows {
    let mut counted = Rows::new();
    rows.into_iter().for_each(|row| *counted.entry(row).or_default() += 1);
    counted
}

/// A line whose halves were appended far apart is set aside in halves: halves that lie side by side are joined. A half that stays alone is a
/// piece of a row that its writer wrote once more, whole, after the blob was gone.
fn sort_out(written: &Written, aside: &[Aside]) -> Sorted {
    let mut places: BTreeMap<(&str, u64), &Aside> = BTreeMap::new();
    for row in aside {
        let place = places.entry((&row.blob, row.offset)).or_insert(row);
        // Two records of one place: that one counts which is sure.
        if place.perhaps_delivered && !row.perhaps_delivered {
            *place = row;
        }
    }
    let is_row = |row: &[u8]| written.good.contains_key(row) || written.bad.contains_key(row);
    let mut sorted = Sorted::default();
    let mut piece: Option<(&str, u64, Vec<u8>)> = None;
    for ((blob, offset), row) in places {
        if is_row(&row.bytes) {
            let to = match (row.perhaps_delivered, row.reason.starts_with("Axiom: ")) {
                (true, _) => &mut sorted.perhaps,
                (false, true) => &mut sorted.surely,
                (false, false) => &mut sorted.judged,
            };
            *to.entry(row.bytes.clone()).or_default() += 1;
            continue;
        }
        let before = piece.take().filter(|(of, end, _)| (*of, *end) == (blob, offset));
        let joined = [before.map(|(_, _, bytes)| bytes).unwrap_or_default(), row.bytes.clone()].concat();
        let all = || written.good.keys().chain(written.bad.keys());
        if is_row(&joined) {
            // Right by the program's lights, whatever the row was when it was whole.
            *sorted.perhaps.entry(joined).or_default() += 1;
        } else if all().any(|row| memchr::memmem::find(row, &joined).is_some()) {
            piece = Some((blob, offset + row.bytes.len() as u64, joined));
        } else {
            sorted.foreign.push(joined);
        }
    }
    sorted
}

/// How a row is called in a complaint: by its id where it has one.
fn name(row: &[u8]) -> String {
    let id =
        serde_json::from_slice::<serde_json::Value>(row).ok().and_then(|row| Some(row["_ItemId"].as_str()?.to_owned()));
    id.unwrap_or_else(|| String::from_utf8_lossy(&row[..row.len().min(80)]).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(list: &[&str]) -> Rows {
        rows(list.iter().map(|row| row.as_bytes().to_vec()))
    }

    fn aside(offset: u64, bytes: &str, perhaps_delivered: bool) -> Aside {
        Aside { blob: "b".into(), offset, bytes: bytes.into(), reason: "not JSON".into(), perhaps_delivered }
    }

    /// Good rows `one` and `two`, the bad row `bad` twice.
    fn check(axiom: &[&str], set_aside: &[Aside], source: &[&str], expected: &[&str]) {
        let written = Written { good: of(&["one", "two"]), bad: of(&["bad", "bad"]) };
        let found = Found { axiom: of(axiom), aside: set_aside.to_vec(), source: of(source) };
        let complaints = Account::of(&written, &found).complaints(1);
        let seen: Vec<_> = complaints.iter().map(|text| text.split(": ").next().unwrap()).collect();
        assert_eq!(seen, expected, "{axiom:?} {set_aside:?} {source:?}: {complaints:?}");
    }

    #[test]
    fn every_row_has_one_place_or_there_is_a_complaint() {
        let both = [aside(0, "bad", false), aside(9, "bad", false)];
        check(&["one", "two"], &both, &[], &[]);
        check(&["one"], &both, &["two"], &[]);
        check(&["one"], &both, &[], &["1 rows lost"]);
        check(&[], &both[..1], &[], &["3 rows lost"]);
        check(&["one", "two"], &[both.as_slice(), &both[..1]].concat(), &[], &[]);
        check(&["one", "two", "two"], &both, &[], &[]);
        check(&["one", "two", "two", "one"], &both, &[], &["2 rows once too often, at most 1 are excused"]);
        check(&["one", "two", "two"], &both, &["two"], &["2 rows once too often, at most 1 are excused"]);
        check(&["one", "two", "twö"], &both, &[], &["1 rows found that nobody wrote"]);
        check(
            &["one", "two"],
            &[both.as_slice(), &[aside(5, "bod", false)]].concat(),
            &[],
            &["1 rows found that nobody wrote"],
        );
        check(&["one"], &[both.as_slice(), &[aside(5, "two", false)]].concat(), &[], &["1 rows in the wrong place"]);
        check(&["one", "two", "bad"], &both[..1], &[], &["1 rows in the wrong place"]);
    }

    #[test]
    fn what_axiom_may_hold_is_no_duplicate_and_no_loss() {
        let bad = [aside(0, "bad", false), aside(9, "bad", false)];
        check(&["one"], &[bad.as_slice(), &[aside(5, "two", true)]].concat(), &[], &[]);
        check(&["one", "two"], &[bad.as_slice(), &[aside(5, "two", true), aside(7, "one", true)]].concat(), &[], &[]);
    }

    #[test]
    fn axiom_may_refuse_a_good_row() {
        let bad = [aside(0, "bad", false), aside(9, "bad", false)];
        let refused = [Aside { reason: "Axiom: no".into(), ..aside(5, "two", false) }];
        check(&["one"], &[bad.as_slice(), &refused].concat(), &[], &[]);
        let twice = "2 rows once too often, at most 1 are excused";
        check(&["one", "two", "two"], &[bad.as_slice(), &refused].concat(), &[], &[twice]);
    }

    #[test]
    fn halves_side_by_side_are_a_row() {
        let bad = [aside(0, "bad", false), aside(90, "bad", false)];
        let halves = |second| [bad.as_slice(), &[aside(5, "tw", false), aside(second, "o", false)]].concat();
        check(&["one"], &halves(7), &[], &[]);
        check(&["one"], &halves(8), &[], &["1 rows lost"]);
        check(&["one", "two"], &halves(8), &[], &[]);
    }
}
