//! Times as .NET prints them: four different ways, each seen in a recorded envelope.

use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{OffsetDateTime, UtcOffset};

/// `2026-11-24T09:44:16.5303937Z`: ticks of 100 ns with trailing zeros cut, as `sys.UtcNow` has it.
pub(crate) fn ticks(at: OffsetDateTime) -> String {
    let seconds = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");
    let whole = at.to_offset(UtcOffset::UTC).format(&seconds).expect("every part of the format is in the value");
    let fraction = format!("{:07}", at.nanosecond() / 100);
    match fraction.trim_end_matches('0') {
        "" => format!("{whole}Z"),
        digits => format!("{whole}.{digits}Z"),
    }
}

/// `2026-11-24T09:44:16+00:00`: cut to whole seconds, as the queue's times have it.
pub(crate) fn seconds(at: OffsetDateTime) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]+00:00");
    at.to_offset(UtcOffset::UTC).format(&format).expect("every part of the format is in the value")
}

/// `10/25/2024 00:00:00` for a text that .NET takes for a date, `None` for any other text.
pub(crate) fn mangled(text: &str) -> Option<String> {
    let format = format_description!("[month]/[day]/[year] [hour]:[minute]:[second]");
    Some(iso(text)?.format(&format).expect("every part of the format is in the value"))
}

/// The date inside `text`, printed anew as .NET does inside a JSON object; `None` where it is no date.
pub(crate) fn reprinted(text: &str) -> Option<String> {
    iso(text).map(ticks)
}

/// Newtonsoft.Json takes a string for a date when it is 19 to 40 long with a digit first and a `T` in the eleventh place.
/// Dates without a zone or in another zone depend on the machine's zone; the platform's is UTC.
fn iso(text: &str) -> Option<OffsetDateTime> {
    let bytes = text.as_bytes();
    if !(19..=40).contains(&bytes.len()) || !bytes[0].is_ascii_digit() || bytes[10] != b'T' {
        return None;
    }
    let read = OffsetDateTime::parse(text, &Rfc3339).or_else(|_| OffsetDateTime::parse(&format!("{text}Z"), &Rfc3339));
    read.ok().map(|at| at.to_offset(UtcOffset::UTC))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_mangled_and_other_texts_are_not() {
        for (text, expected) in [
            ("2024-10-25T00:00:00.1234567Z", Some("10/25/2024 00:00:00")),
            ("2024-04-06T15:30:00", Some("04/06/2024 15:30:00")),
            ("2024-04-06T15:30:00+02:00", Some("04/06/2024 13:30:00")),
            ("2024-04-06", None),
            ("00000000000004420000000000028963", None),
            ("", None),
        ] {
            assert_eq!(mangled(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_reprinted_date_loses_its_trailing_zeros() {
        assert_eq!(reprinted("2024-10-25T00:00:00.1200000Z").as_deref(), Some("2024-10-25T00:00:00.12Z"));
        assert_eq!(reprinted("2024-10-25T00:00:00.000Z").as_deref(), Some("2024-10-25T00:00:00Z"));
    }
}
