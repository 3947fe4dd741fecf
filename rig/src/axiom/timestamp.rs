//! What Axiom understands as a time: RFC 3339 and its relatives, epochs of any unit, or a format given in Go's reference time.

use serde_json::Value;
use time::format_description::well_known::{Rfc2822, Rfc3339};
use time::macros::format_description;
use time::{Date, OffsetDateTime, PrimitiveDateTime};

use super::gotime;

/// Nanoseconds since the epoch, from a field's value; `layout` is the request's `timestamp-format`.
pub(crate) fn parse(value: &Value, layout: Option<&str>) -> Result<i64, String> {
    let time = match (value, layout) {
        (Value::Number(number), _) => {
            number.as_i64().and_then(epoch).or_else(|| number.as_f64().and_then(epoch_fraction))
        }
        (Value::String(text), Some(layout)) => gotime::parse(layout, text).and_then(nanos),
        (Value::String(text), None) => parse_text(text.trim()),
        _ => None,
    };
    time.ok_or_else(|| format!("invalid timestamp {value}"))
}

/// The UTC time as RFC 3339 with `Z`.
pub(crate) fn format(nanos: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(nanos))
        .expect("64 bits of nanoseconds are years 1677 to 2262");
    time.format(&Rfc3339).expect("years of four digits have an RFC 3339 form")
}

/// Now, in nanoseconds since the epoch.
pub(crate) fn now() -> i64 {
    nanos(OffsetDateTime::now_utc()).expect("the clock shows a year before 2262")
}

/// Text without a layout.
pub(crate) fn parse_text(text: &str) -> Option<i64> {
    if let Ok(number) = text.parse::<i64>() {
        return epoch(number);
    }
    let rfc = OffsetDateTime::parse(text, &Rfc3339).or_else(|_| OffsetDateTime::parse(text, &Rfc2822));
    if let Ok(time) = rfc {
        return nanos(time);
    }
    let plain = text.replacen(' ', "T", 1);
    if let Ok(time) = OffsetDateTime::parse(&plain, &Rfc3339) {
        return nanos(time);
    }
    let iso = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second][optional [.[subsecond]]]");
    let day = format_description!("[year]-[month]-[day]");
    let time = PrimitiveDateTime::parse(&plain, &iso).ok();
    nanos(time.or_else(|| Date::parse(text, &day).ok().map(Date::midnight))?.assume_utc())
}

fn nanos(time: OffsetDateTime) -> Option<i64> {
    i64::try_from(time.unix_timestamp_nanos()).ok()
}

/// The unit of an epoch follows from its size; each range reaches from 1973 to 5138 in its own unit.
fn epoch(number: i64) -> Option<i64> {
    let unit = match number.unsigned_abs() {
        0..100_000_000_000 => 1_000_000_000,
        100_000_000_000..100_000_000_000_000 => 1_000_000,
        100_000_000_000_000..100_000_000_000_000_000 => 1_000,
        _ => 1,
    };
    number.checked_mul(unit)
}

fn epoch_fraction(number: f64) -> Option<i64> {
    let duration = time::Duration::checked_seconds_f64(number)?;
    nanos(OffsetDateTime::UNIX_EPOCH.checked_add(duration)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn times() {
        let check = |value: Value, layout: Option<&str>, expected: &str| {
            let time = parse(&value, layout).map(format);
            assert_eq!(time.as_deref(), Ok(expected), "{value} {layout:?}");
        };
        check(json!("2026-01-02T03:04:05.123456789Z"), None, "2026-01-02T03:04:05.123456789Z");
        check(json!("2026-01-02T03:04:05+01:00"), None, "2026-01-02T02:04:05Z");
        check(json!("2026-01-02 03:04:05.5"), None, "2026-01-02T03:04:05.5Z");
        check(json!("2026-01-02 03:04:05Z"), None, "2026-01-02T03:04:05Z");
        check(json!("2026-01-02"), None, "2026-01-02T00:00:00Z");
        check(json!("Fri, 02 Jan 2026 03:04:05 +0000"), None, "2026-01-02T03:04:05Z");
        check(json!("1767323045"), None, "2026-01-02T03:04:05Z");
        check(json!(1_767_323_045), None, "2026-01-02T03:04:05Z");
        check(json!(1_767_323_045_500_i64), None, "2026-01-02T03:04:05.5Z");
        check(json!(1_767_323_045_500_000_i64), None, "2026-01-02T03:04:05.5Z");
        check(json!(1_767_323_045_500_000_000_i64), None, "2026-01-02T03:04:05.5Z");
        check(json!(1_767_323_045.5), None, "2026-01-02T03:04:05.5Z");
        check(json!("02/Jan/2026:03:04:05 +0100"), Some("02/Jan/2006:15:04:05 -0700"), "2026-01-02T02:04:05Z");
    }

    #[test]
    fn no_times() {
        for value in [json!("soon"), json!(null), json!({}), json!("2026-13-01"), json!("")] {
            assert!(parse(&value, None).is_err(), "{value}");
        }
        assert!(parse(&json!("2026-01-02T03:04:05Z"), Some("2006/01/02")).is_err());
    }
}
