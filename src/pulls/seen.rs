//! Rows near the watermark that were delivered, so that looking there again delivers only what came late. Pure.

use std::collections::HashMap;

use sha2::{Digest as _, Sha256};

use crate::query::window::Ticks;

/// What a row is known by: 128 bits of a hash of its id, or of all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark(u128);

/// Bytes of a row in [`Seen::write`].
const ENTRY: usize = 24;

/// Rows by their watermark. Two rows that are alike in all are there twice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen(Vec<(Ticks, Mark)>);

/// Rows that are expected to come again, and how often.
#[derive(Debug)]
pub struct Known(HashMap<Mark, u32>);

impl Mark {
    /// Of an id or of a whole row.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let hash = Sha256::digest(bytes);
        Self(u128::from_le_bytes(*hash.first_chunk().expect("a hash of 32 bytes begins with 16")))
    }
}

impl Seen {
    /// Adds rows.
    pub fn add(&mut self, rows: impl IntoIterator<Item = (Ticks, Mark)>) {
        self.0.extend(rows);
    }

    /// Forgets what is before this.
    pub fn forget_before(&mut self, at: Ticks) {
        self.0.retain(|(ticks, _)| *ticks >= at);
    }

    /// What will come again when one looks from here on.
    #[must_use]
    pub fn known_from(&self, at: Ticks) -> Known {
        let mut known = HashMap::new();
        for (_, mark) in self.0.iter().filter(|(ticks, _)| *ticks >= at) {
            *known.entry(*mark).or_insert(0) += 1;
        }
        Known(known)
    }

    /// As bytes, to be kept.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let entry = |(ticks, mark): &(Ticks, Mark)| {
            let mut entry = [0; ENTRY];
            entry[..8].copy_from_slice(&ticks.0.to_le_bytes());
            entry[8..].copy_from_slice(&mark.0.to_le_bytes());
            entry
        };
        self.0.iter().flat_map(entry).collect()
    }

    /// Reads what [`Seen::write`] wrote; none where it was cut off.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (entries, rest) = bytes.as_chunks::<ENTRY>();
        let entry = |entry: &[u8; ENTRY]| {
            let (ticks, mark) = (entry.first_chunk()?, entry.last_chunk()?);
            Some((Ticks(i64::from_le_bytes(*ticks)), Mark(u128::from_le_bytes(*mark))))
        };
        entries.iter().map(entry).collect::<Option<_>>().map(Self).filter(|_| rest.is_empty())
    }
}

impl Known {
    /// Whether this row was delivered before. Of rows that are alike, as many are as were.
    pub fn take(&mut self, mark: Mark) -> bool {
        match self.0.get_mut(&mark) {
            Some(left) if *left > 0 => {
                *left -= 1;
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_are_alike_are_known_as_often_as_they_were_seen() {
        let (a, b) = (Mark::of(b"a"), Mark::of(b"b"));
        let mut seen = Seen::default();
        seen.add([(Ticks(1), a), (Ticks(5), a), (Ticks(5), a), (Ticks(-7), b)]);
        assert_eq!(Seen::read(&seen.write()).as_ref(), Some(&seen));
        assert_eq!(Seen::read(&seen.write()[1..]), None);
        let mut known = seen.known_from(Ticks(5));
        assert_eq!([a, a, a, b].map(|mark| known.take(mark)), [true, true, false, false]);
        seen.forget_before(Ticks(2));
        assert_eq!(seen.write().len(), 2 * ENTRY);
    }
}
