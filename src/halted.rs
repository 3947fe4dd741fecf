//! Tables whose last delivery failed for a reason that only people can mend: a token without the right, a dataset that is missing. They are left
//! alone for a while, so that each of their blobs does not cost the same requests and the same error again every minute.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long such a table is left alone. One visit then finds out whether it was mended.
const HALT: Duration = Duration::from_secs(60);

/// The halted tables of this process. All clones share them.
#[derive(Debug, Clone, Default)]
pub struct Halted(Arc<Mutex<HashMap<String, Instant>>>);

impl Halted {
    /// Leaves a table alone from now on.
    pub fn halt(&self, table: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(table.to_owned(), Instant::now() + HALT);
    }

    /// True while a table is left alone.
    #[must_use]
    pub fn is_halted(&self, table: &str) -> bool {
        let mut tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let halted = tables.get(table).is_some_and(|until| Instant::now() < *until);
        if !halted {
            tables.remove(table);
        }
        halted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_halted_table_does_not_halt_others() {
        let halted = Halted::default();
        halted.clone().halt("a");
        assert!(halted.is_halted("a") && !halted.is_halted("b"));
    }
}
