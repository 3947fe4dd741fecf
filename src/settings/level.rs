//! How hard rows are compressed. Pure.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// The quick level: seven times as quick as [`HARD`], for a tenth more on the wire (`cargo bench-stages`).
const QUICK: i32 = 1;
/// The level with the least bill, compute and egress together.
const HARD: i32 = 8;

/// How hard batches are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZstdLevel {
    /// By the backlog: hard while there is little, quickly while there is much.
    Auto,
    /// Always at this level, 1 to 19.
    Fixed(i32),
}

impl FromStr for ZstdLevel {
    /// What to give instead.
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        const REMEDY: &str = "give a level from 1 to 19, or auto";
        match text.parse() {
            _ if text.eq_ignore_ascii_case("auto") => Ok(Self::Auto),
            Ok(level) if (1..=19).contains(&level) => Ok(Self::Fixed(level)),
            _ => Err(REMEDY),
        }
    }
}

impl fmt::Display for ZstdLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Fixed(level) => level.fmt(f),
        }
    }
}

impl ZstdLevel {
    /// The level for a blob of which so many bytes wait, the last of them for so long.
    ///
    /// Egress is the bill, not compute: whoever keeps up compresses hard. A large blob, or rows that have waited, are signs of falling behind, or of
    /// having been away, and then speed counts. It sees to itself: what waits too long because of hard compression is compressed quickly.
    #[must_use]
    pub fn for_backlog(self, bytes: u64, waited: Duration) -> i32 {
        const LARGE: u64 = 64 << 20;
        const LONG: Duration = Duration::from_secs(15 * 60);
        match self {
            Self::Fixed(level) => level,
            Self::Auto if bytes < LARGE && waited < LONG => HARD,
            Self::Auto => QUICK,
        }
    }
}
