//! An order-free fingerprint of rows: what a writer wrote and what a sink committed are compared by count and by a sum of hashes.
//!
//! The sum is that of a multiset: order and batching do not matter, while a lost, altered or repeated row shows.

use sha2::{Digest, Sha256};

/// How many rows were seen, and the wrapping sum of their hashes.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Content {
    /// Number of rows.
    pub rows: u64,
    /// Wrapping sum of [`row_hash`] over the rows.
    pub sum: u128,
}

impl Content {
    /// Adds one row: its bytes without the newline.
    pub fn add(&mut self, row: &[u8]) {
        self.add_hash(row_hash(row));
    }

    /// Adds one row by its hash, for callers that need the hash as well.
    pub fn add_hash(&mut self, hash: u128) {
        self.rows += 1;
        self.sum = self.sum.wrapping_add(hash);
    }

    /// Adds all rows of another fingerprint.
    pub fn merge(&mut self, other: Self) {
        self.rows += other.rows;
        self.sum = self.sum.wrapping_add(other.sum);
    }
}

/// The first 128 bits of SHA-256 of a row's bytes, without the newline.
pub fn row_hash(row: &[u8]) -> u128 {
    Sha256::digest(row).iter().take(16).fold(0, |hash, byte| (hash << 8) | u128::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(rows: &[&str]) -> Content {
        let mut content = Content::default();
        rows.iter().for_each(|row| content.add(row.as_bytes()));
        content
    }

    #[test]
    fn order_does_not_matter_and_everything_else_does() {
        assert_eq!(content(&["a", "b", "c"]), content(&["c", "a", "b"]));
        for other in [&["a", "b"][..], &["a", "b", "c", "c"], &["a", "b", "d"], &["a", "bc"], &["a", "a", "c"]] {
            assert_ne!(content(&["a", "b", "c"]), content(other));
        }
    }

    #[test]
    fn merging_is_adding() {
        let mut merged = content(&["a", "b"]);
        merged.merge(content(&["c"]));
        assert_eq!(merged, content(&["a", "b", "c"]));
        assert_eq!(row_hash(b""), 0xe3b0_c442_98fc_1c14_9afb_f4c8_996f_b924);
    }
}
