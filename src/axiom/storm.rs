//! Tells a bad row from a bad day: when Axiom refuses one single row after the other, it is the service (or the dataset), not the rows.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Single rows of a dataset that may be refused in a row before the delivery stops.
const MOST: u32 = 16;

/// Single rows refused in a row, for each dataset.
#[derive(Debug, Default)]
pub(super) struct Storm {
    refused: Mutex<HashMap<String, u32>>,
}

impl Storm {
    /// A single row was refused; true when there were so many that no more should be set aside.
    pub(super) fn refused(&self, dataset: &str) -> bool {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let count = refused.entry(dataset.to_owned()).or_default();
        *count = count.saturating_add(1);
        *count >= MOST
    }

    /// Rows were accepted.
    pub(super) fn accepted(&self, dataset: &str) {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).remove(dataset);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_in_a_row_of_one_dataset() {
        let storm = Storm::default();
        let count = |dataset: &str| (0..20).take_while(|_| !storm.refused(dataset)).count();
        assert_eq!(count("a"), 15);
        assert_eq!(count("b"), 15);
        assert!(storm.refused("a"));
        storm.accepted("a");
        assert_eq!(count("a"), 15);
        assert!(storm.refused("b"));
    }
}
