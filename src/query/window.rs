//! Times as Log Analytics keeps them, and half-open stretches of them. Pure.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::format_description::well_known::Rfc3339;
use time::{Date, OffsetDateTime};

/// A moment in ticks of 100 ns since 1970 UTC: the finest that a `datetime` tells ("The datetime data type", Kusto).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticks(pub i64);

/// Ticks in a second.
pub const SECOND: i64 = 10_000_000;
/// Ticks in a day.
pub const DAY: i64 = 86_400 * SECOND;

impl Ticks {
    /// The moment, for a clock.
    #[must_use]
    pub fn of(time: OffsetDateTime) -> Self {
        Self(i64::try_from(time.unix_timestamp_nanos() / 100).unwrap_or(i64::MAX))
    }

    /// Reads `2026-01-31` (midnight UTC) or RFC 3339, of which what is finer than a tick is dropped.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let day = time::macros::format_description!("[year]-[month]-[day]");
        let time = match Date::parse(text, day) {
            Ok(date) => date.midnight().assume_utc(),
            Err(_) => OffsetDateTime::parse(text, &Rfc3339).ok()?,
        };
        i64::try_from(time.unix_timestamp_nanos().div_euclid(100)).ok().map(Self)
    }

    /// The beginning of the bin of this width that it lies in. Bins are counted from an era in which 1970 is a border of every width up to a day.
    #[must_use]
    pub fn floor(self, width: i64) -> Self {
        Self(self.0.div_euclid(width) * width)
    }

    /// For the parts of a path.
    #[must_use]
    pub fn date_time(self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 100).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }

    /// As a part of a name, which sorts as time goes: `20260131T060000.0000000Z`.
    #[must_use]
    pub fn compact(self) -> String {
        self.to_string().replace(['-', ':'], "")
    }

    /// Reads what [`Ticks::compact`] wrote.
    #[must_use]
    pub fn parse_compact(text: &str) -> Option<Self> {
        let at = |from: usize, to: usize| text.get(from..to);
        let (date, time) = ((at(0, 4)?, at(4, 6)?, at(6, 8)?), (at(9, 11)?, at(11, 13)?, text.get(13..)?));
        Self::parse(&format!("{}-{}-{}T{}:{}:{}", date.0, date.1, date.2, time.0, time.1, time.2))
    }
}

impl fmt::Display for Ticks {
    /// With seven digits of fraction, as data export writes times.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = self.date_time();
        let (date, fraction) = (time.date(), self.0.rem_euclid(SECOND));
        let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
        let (hour, minute, second) = time.to_hms();
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:07}Z")
    }
}

impl Serialize for Ticks {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Ticks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom(format!("{text:?} is no time")))
    }
}

/// A stretch of time: `from` belongs to it, `to` does not, so that neighbours share no row and leave none out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Window {
    /// Its first tick.
    pub from: Ticks,
    /// The first tick after it.
    pub to: Ticks,
}

impl Window {
    /// True for one that holds no tick.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.from >= self.to
    }

    /// Its two halves; none for a single tick.
    #[must_use]
    pub fn halves(self) -> Option<[Self; 2]> {
        let middle = Ticks(self.from.0 + (self.to.0 - self.from.0) / 2);
        (middle > self.from).then_some([Self { to: middle, ..self }, Self { from: middle, ..self }])
    }

    /// What both have in common; may be empty.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { from: self.from.max(other.from), to: self.to.min(other.to) }
    }

    /// What is left of it without `others`, which are sorted; in order.
    #[must_use]
    pub fn without(self, others: &[Self]) -> Vec<Self> {
        let (mut left, mut from) = (Vec::new(), self.from);
        for other in others {
            let gap = Self { from, to: other.from.min(self.to) };
            if !gap.is_empty() {
                left.push(gap);
            }
            from = from.max(other.to);
        }
        let rest = Self { from, to: self.to };
        if !rest.is_empty() {
            left.push(rest);
        }
        left
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.from, self.to)
    }
}

/// Adds a window to others, none of which begins later, and joins those that touch.
pub fn add(windows: &mut Vec<Window>, window: Window) {
    match windows.last_mut() {
        Some(last) if window.from <= last.to => last.to = last.to.max(window.to),
        _ => windows.push(window),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(from: i64, to: i64) -> Window {
        Window { from: Ticks(from), to: Ticks(to) }
    }

    #[test]
    fn times_are_read_and_written_to_the_tick() {
        for (text, wanted) in [
            ("2026-01-31", "2026-01-31T00:00:00.0000000Z"),
            ("2026-01-31T06:07:08Z", "2026-01-31T06:07:08.0000000Z"),
            ("2026-01-31T06:07:08.1234567Z", "2026-01-31T06:07:08.1234567Z"),
            ("2026-01-31T06:07:08.123456789Z", "2026-01-31T06:07:08.1234567Z"),
            ("2026-01-31T06:07:08+02:00", "2026-01-31T04:07:08.0000000Z"),
            ("1969-12-31T23:59:59.9999999Z", "1969-12-31T23:59:59.9999999Z"),
        ] {
            let ticks = Ticks::parse(text).unwrap();
            assert_eq!((ticks.to_string().as_str(), Ticks::parse_compact(&ticks.compact())), (wanted, Some(ticks)));
        }
        assert_eq!(Ticks::parse("2026-01-31").unwrap().compact(), "20260131T000000.0000000Z");
        for text in ["", "yesterday", "2026-02-30", "2026-01-31T06:07:08", "2026-01-31 06:07:08Z x"] {
            assert_eq!(Ticks::parse(text), None, "{text}");
        }
    }

    #[test]
    fn bins_begin_at_round_times() {
        let at = |text| Ticks::parse(text).unwrap();
        assert_eq!(at("2026-01-31T06:07:08.9Z").floor(300 * SECOND), at("2026-01-31T06:05:00Z"));
        assert_eq!(at("1969-12-31T23:59:59Z").floor(DAY), at("1969-12-31"));
    }

    #[test]
    fn halves_share_no_tick_and_leave_none_out() {
        assert_eq!(window(0, 5).halves(), Some([window(0, 2), window(2, 5)]));
        assert_eq!(window(7, 9).halves(), Some([window(7, 8), window(8, 9)]));
        assert_eq!(window(7, 8).halves(), None);
    }

    #[test]
    fn what_is_left_without_others() {
        let left = |others: &[Window]| window(10, 20).without(others);
        assert_eq!(left(&[]), [window(10, 20)]);
        assert_eq!(left(&[window(0, 10), window(20, 30)]), [window(10, 20)]);
        assert_eq!(
            left(&[window(5, 12), window(14, 15), window(15, 16), window(19, 40)]),
            [window(12, 14), window(16, 19)]
        );
        assert_eq!(left(&[window(0, 30)]), []);
        assert_eq!(left(&[window(11, 19), window(12, 13)]), [window(10, 11), window(19, 20)]);
    }

    #[test]
    fn windows_that_touch_are_joined() {
        let mut joined = Vec::new();
        for next in [window(0, 2), window(2, 3), window(5, 9), window(6, 7), window(10, 11)] {
            add(&mut joined, next);
        }
        assert_eq!(joined, [window(0, 3), window(5, 9), window(10, 11)]);
    }
}
