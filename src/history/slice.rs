//! A part of a backfill. Pure.

use serde::{Deserialize, Serialize};

use crate::query::window::Window;

/// What one query is to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slice {
    /// When its rows were generated.
    pub window: Window,
    /// Rows that were counted in it.
    pub rows: u64,
    /// Their size in bytes, as the service estimates it.
    pub bytes: u64,
}

impl Slice {
    /// Both, and what is between them: nothing was counted there.
    #[must_use]
    pub fn with(self, next: Self) -> Self {
        let window = Window { to: next.window.to, ..self.window };
        Self { window, rows: self.rows + next.rows, bytes: self.bytes + next.bytes }
    }
}
