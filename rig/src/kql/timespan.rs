//! The request's `timespan`: an ISO 8601 interval or duration, in the URL, in the body, or in both.

use super::ticks::{self, DAY, SECOND};

/// A range of TimeGenerated, both ends in it, in ticks since the Unix epoch. Whether the service's own range has its end in it is not
/// documented; here it has, so that a client which cuts windows by `timespan` alone gets the rows at the borders twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) from: i64,
    pub(crate) to: i64,
}

impl Range {
    /// All of time.
    pub(crate) const ALL: Self = Self { from: i64::MIN, to: i64::MAX };

    /// What lies in both.
    pub(crate) fn and(self, other: Self) -> Self {
        Self { from: self.from.max(other.from), to: self.to.min(other.to) }
    }
}

/// Reads `start/end`, `start/duration`, `duration/end` and `duration`, the last one up to `now`.
pub(crate) fn parse(text: &str, now: i64) -> Option<Range> {
    let range = match text.split_once('/') {
        None => Range { from: now.checked_sub(duration(text)?)?, to: now },
        Some((start, end)) => match (duration(start), duration(end)) {
            (None, None) => Range { from: ticks::parse(start)?, to: ticks::parse(end)? },
            (None, Some(length)) => {
                let from = ticks::parse(start)?;
                Range { from, to: from.checked_add(length)? }
            }
            (Some(length), None) => {
                let to = ticks::parse(end)?;
                Range { from: to.checked_sub(length)?, to }
            }
            (Some(_), Some(_)) => return None,
        },
    };
    (range.from <= range.to).then_some(range)
}

/// `P1D`, `PT1H30M`, `P1DT0.5S`, in ticks; a month has 30 days and a year 365.
fn duration(text: &str) -> Option<i64> {
    let (days, clock) = text.strip_prefix('P').map(|rest| rest.split_once('T').unwrap_or((rest, "")))?;
    if days.is_empty() && clock.is_empty() {
        return None;
    }
    let days = sum(days, &[('Y', 365 * DAY), ('M', 30 * DAY), ('W', 7 * DAY), ('D', DAY)])?;
    let clock = sum(clock, &[('H', 3600 * SECOND), ('M', 60 * SECOND), ('S', SECOND)])?;
    days.checked_add(clock)
}

fn sum(mut text: &str, units: &[(char, i64)]) -> Option<i64> {
    let mut total = 0_i64;
    while !text.is_empty() {
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, rest) = text.split_at(end);
        let unit = rest.chars().next()?;
        let (_, ticks) = units.iter().find(|(name, _)| *name == unit)?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let part = ticks::fraction(fraction)? * (ticks / SECOND);
        total = total.checked_add(whole.parse::<i64>().ok()?.checked_mul(*ticks)?)?.checked_add(part)?;
        text = &rest[1..];
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_000_000 * SECOND;

    #[test]
    fn understood() {
        let day = ticks::parse("2026-01-02").unwrap();
        let check = |text: &str, from: i64, to: i64| assert_eq!(parse(text, NOW), Some(Range { from, to }), "{text}");
        check("P1D", NOW - DAY, NOW);
        check("PT90M", NOW - 5400 * SECOND, NOW);
        check("PT0.5S", NOW - SECOND / 2, NOW);
        check("P1DT2H3M4.0000001S", NOW - DAY - 7384 * SECOND - 1, NOW);
        check("P1W", NOW - 7 * DAY, NOW);
        check("2026-01-02T00:00:00Z/2026-01-03T00:00:00.0000001Z", day, day + DAY + 1);
        check("2026-01-02/2026-01-02", day, day);
        check("2026-01-02T00:00:00Z/P7D", day, day + 7 * DAY);
        check("PT1H/2026-01-02T00:00:00Z", day - 3600 * SECOND, day);
    }

    #[test]
    fn not_understood() {
        for text in
            ["", "P", "PT", "1D", "P1H", "PT1D", "P1DT1", "2026-01-02", "P1D/P1D", "2026-01-03/2026-01-02", "a/b"]
        {
            assert_eq!(parse(text, NOW), None, "{text}");
        }
    }

    #[test]
    fn two_ranges_intersect() {
        let (one, other) = (Range { from: 1, to: 5 }, Range { from: 3, to: 9 });
        assert_eq!(one.and(other), Range { from: 3, to: 5 });
        assert_eq!(Range::ALL.and(one), one);
    }
}
