//! Times of 100 ns, as the service counts them: from text, and back to text.

use time::{Date, Month, OffsetDateTime};

/// Ticks in a second.
pub(crate) const SECOND: i64 = 10_000_000;
/// Ticks in a day.
pub(crate) const DAY: i64 = 86_400 * SECOND;

/// Now, in ticks since the Unix epoch.
pub(crate) fn now() -> i64 {
    i64::try_from(OffsetDateTime::now_utc().unix_timestamp_nanos() / 100).expect("the clock shows a year before 29000")
}

/// Ticks since the Unix epoch of `2026-01-02`, `2026-01-02T03:04:05.1234567Z` and what lies between; without a zone it is UTC.
pub(crate) fn parse(text: &str) -> Option<i64> {
    let text = text.trim();
    let (date, clock) = match text.find(['T', ' ']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let mut parts = date.splitn(3, '-');
    let mut part = || parts.next().and_then(digits);
    let (year, month, day) = (part()?, part()?, part()?);
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    let date = Date::from_calendar_date(i32::try_from(year).ok()?, month, u8::try_from(day).ok()?).ok()?;
    let day = date.midnight().assume_utc().unix_timestamp() * SECOND;
    match clock {
        Some(clock) => {
            let (clock, offset) = zone(clock)?;
            Some(day + time_of_day(clock)? - offset)
        }
        None => Some(day),
    }
}

/// Splits the zone from a time of day; the offset is in ticks.
fn zone(clock: &str) -> Option<(&str, i64)> {
    if let Some(clock) = clock.strip_suffix(['Z', 'z']) {
        return Some((clock, 0));
    }
    let Some(at) = clock.find(['+', '-']) else { return Some((clock, 0)) };
    let (hours, minutes) = clock[at + 1..].split_once(':')?;
    let offset = (digits(hours)? * 60 + digits(minutes)?) * 60 * SECOND;
    Some((&clock[..at], if clock.as_bytes()[at] == b'-' { -offset } else { offset }))
}

/// `3:04`, `03:04:05`, `03:04:05.1234567`; further digits are cut off.
fn time_of_day(clock: &str) -> Option<i64> {
    let mut parts = clock.splitn(3, ':');
    let (hours, minutes) = (digits(parts.next()?)?, digits(parts.next()?)?);
    let (seconds, fraction) = match parts.next() {
        None => (0, 0),
        Some(rest) => match rest.split_once('.') {
            Some((seconds, fraction)) => (digits(seconds)?, self::fraction(fraction)?),
            None => (digits(rest)?, 0),
        },
    };
    (hours < 24 && minutes < 60 && seconds < 60).then(|| ((hours * 60 + minutes) * 60 + seconds) * SECOND + fraction)
}

fn digits(text: &str) -> Option<i64> {
    let plain = !text.is_empty() && text.len() <= 9 && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// The digits behind a decimal point, in ticks.
pub(crate) fn fraction(text: &str) -> Option<i64> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let seven = text.bytes().chain(std::iter::repeat(b'0')).take(7);
    plain.then(|| seven.fold(0, |ticks, digit| ticks * 10 + i64::from(digit - b'0')))
}

/// The reply's form: UTC with `Z`, without the fraction's trailing zeros.
pub(crate) fn format(ticks: i64) -> String {
    let (seconds, fraction) = (ticks.div_euclid(SECOND), ticks.rem_euclid(SECOND));
    let Ok(time) = OffsetDateTime::from_unix_timestamp(seconds) else { return "9999-12-31T23:59:59.9999999Z".into() };
    let (date, clock) = (time.date(), time.time());
    let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
    let (hour, minute, second) = clock.as_hms();
    let fraction = point(fraction);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z")
}

/// A duration as the reply has it: `00:00:10`, `1.02:03:04.5`.
pub(crate) fn format_span(ticks: i64) -> String {
    let (sign, ticks) = (if ticks < 0 { "-" } else { "" }, ticks.unsigned_abs());
    let unit = SECOND.unsigned_abs();
    let (seconds, fraction) = (ticks / unit, i64::try_from(ticks % unit).expect("less than a second"));
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    let days = if days == 0 { String::new() } else { format!("{days}.") };
    format!("{sign}{days}{hours:02}:{minutes:02}:{:02}{}", seconds % 60, point(fraction))
}

fn point(fraction: i64) -> String {
    if fraction == 0 { String::new() } else { format!(".{fraction:07}").trim_end_matches('0').to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        let check = |text: &str, back: &str| assert_eq!(parse(text).map(format).as_deref(), Some(back), "{text}");
        check("2026-01-02", "2026-01-02T00:00:00Z");
        check("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z");
        check("2026-01-02 03:04", "2026-01-02T03:04:00Z");
        check("2026-01-02T03:04:05.1234567Z", "2026-01-02T03:04:05.1234567Z");
        check("2026-01-02T03:04:05.1200000Z", "2026-01-02T03:04:05.12Z");
        check("2026-01-02T03:04:05.123456789Z", "2026-01-02T03:04:05.1234567Z");
        check("2026-01-02T03:04:05+02:00", "2026-01-02T01:04:05Z");
        check("2015-12-31T23:59:59.9", "2015-12-31T23:59:59.9Z");
        check("1969-12-31T23:59:59.9999999Z", "1969-12-31T23:59:59.9999999Z");
    }

    #[test]
    fn not_times() {
        for text in ["", "2026", "2026-13-01", "2026-02-30", "2026-01-02T25:00Z", "2026-01-02T03:04:05.Z", "now"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn spans() {
        assert_eq!(format_span(10 * SECOND), "00:00:10");
        assert_eq!(format_span(-(DAY + 2 * 3600 * SECOND + 5_000_000)), "-1.02:00:00.5");
    }
}
