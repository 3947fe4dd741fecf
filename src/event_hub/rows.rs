//! From messages to rows: every object of every message becomes one line for its table. Pure.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::kind;
use crate::lines::{BadRow, check_row, is_blank};
use crate::wake::Message;

/// The rows of a batch of messages.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// Rows by table, as lines.
    pub tables: BTreeMap<String, Vec<u8>>,
    /// How many these are.
    pub rows: u64,
    /// What is no row that can be sent.
    pub bad: Vec<Bad>,
    objects: u64,
}

/// What cannot be sent.
#[derive(Debug, PartialEq, Eq)]
pub struct Bad {
    /// Its place among the objects of the batch.
    pub number: u64,
    /// Its bytes.
    pub object: Vec<u8>,
    /// Why.
    pub reason: BadRow,
}

impl Rows {
    /// Takes the messages apart. A row has `row_bytes` bytes at most.
    #[must_use]
    pub fn of(messages: &[Message], row_bytes: usize) -> Self {
        let mut rows = Self::default();
        for message in messages {
            rows.take(message, row_bytes);
        }
        rows
    }

    fn take(&mut self, message: &Message, row_bytes: usize) {
        let body = message.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&message.body); // A byte order mark.
        if is_blank(body) {
            return;
        }
        match records(body) {
            Some(records) => records.iter().for_each(|record| self.add(record.get().as_bytes(), message, row_bytes)),
            None => self.add(body, message, row_bytes),
        }
    }

    fn add(&mut self, object: &[u8], message: &Message, row_bytes: usize) {
        self.objects += 1;
        match row(object, message, row_bytes) {
            Ok((table, row)) => {
                let lines = self.tables.entry(table).or_default();
                lines.extend_from_slice(&row);
                lines.push(b'\n');
                self.rows += 1;
            }
            Err(reason) => self.bad.push(Bad { number: self.objects - 1, object: object.to_owned(), reason }),
        }
    }
}

/// What a message holds if it is an envelope: an array, or Azure Monitor's `{"records":[...]}`. An object that says anything besides is no envelope, since
/// that would be lost.
fn records(body: &[u8]) -> Option<Vec<&RawValue>> {
    if let Ok(values) = serde_json::from_slice(body) {
        return Some(values);
    }
    let members: BTreeMap<String, &RawValue> = serde_json::from_slice(body).ok()?;
    let mut members = members.iter();
    match (members.next(), members.next()) {
        (Some((key, values)), None) if key.eq_ignore_ascii_case("records") => serde_json::from_str(values.get()).ok(),
        _ => None,
    }
}

/// The row of an object, and its table: the object as it came, on one line. Where it has no `TimeGenerated`, which Axiom is told to take for `_time`, a
/// `_time` is added.
fn row(object: &[u8], message: &Message, row_bytes: usize) -> Result<(String, Vec<u8>), BadRow> {
    check_row(object, row_bytes)?;
    // White space between the tokens is all that a line feed can be in JSON.
    let mut row: Vec<u8> = object.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }).collect();
    row.truncate(row.trim_ascii_end().len());
    let members: Map<String, Value> =
        serde_json::from_slice(object).map_err(|error| BadRow::NotJson(error.column()))?;
    if !members.contains_key("_time")
        && !has_time(&members)
        && let Some(time) = kind::own_time(&members).or(message.enqueued).and_then(text)
    {
        row.pop();
        let comma = if members.is_empty() { "" } else { "," };
        row.extend_from_slice(format!("{comma}\"_time\":\"{time}\"}}").as_bytes());
    }
    Ok((kind::table(&members), row))
}

fn has_time(members: &Map<String, Value>) -> bool {
    members.get("TimeGenerated").is_some_and(|time| !time.is_null())
}

fn text(time: OffsetDateTime) -> Option<String> {
    time.format(&Rfc3339).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    fn message(body: &[u8]) -> Message {
        Message { body: body.to_owned(), sequence: None, enqueued: Some(datetime!(2026-11-27 10:00 UTC)) }
    }

    fn rows(bodies: &[&[u8]]) -> Rows {
        Rows::of(&bodies.iter().map(|body| message(body)).collect::<Vec<_>>(), 100)
    }

    fn table<'a>(rows: &'a Rows, name: &str) -> Vec<&'a str> {
        std::str::from_utf8(&rows.tables[name]).unwrap().lines().collect()
    }

    #[test]
    fn every_record_of_every_envelope_is_a_row() {
        let rows = rows(&[
            br#"{"records":[{"a":1.10},{"b":"{\"records\":[]}"}]}"#,
            b"\xef\xbb\xbf[{\"c\":3},{\"d\":4}]",
            br#" {"Records" : [ {"e":5} ] }"#,
            br#"{"records":[{"f":6}],"more":1}"#,
            br#"{"records":"none"}"#,
            br#"{"records":[]}"#,
            b" ",
        ]);
        let time = r#","_time":"2026-11-27T10:00:00Z"}"#;
        let expected = [
            r#"{"a":1.10"#,
            r#"{"b":"{\"records\":[]}""#,
            r#"{"c":3"#,
            r#"{"d":4"#,
            r#"{"e":5"#,
            r#"{"records":[{"f":6}],"more":1"#,
            r#"{"records":"none""#,
        ];
        assert_eq!(table(&rows, kind::OTHER), expected.map(|row| format!("{row}{time}")));
        assert_eq!((rows.rows, rows.bad.len()), (7, 0));
    }

    #[test]
    fn a_row_is_the_object_on_one_line_with_a_time_if_it_has_none() {
        let rows = rows(&[
            b"{\r\n  \"SystemAlertId\": \"x\\n\",\n  \"TimeGenerated\": \"2023-05-11T13:17:09Z\"\n}\n",
            br#"{"SystemAlertId":"y","TimeGenerated":null}"#,
            br#"{"SystemAlertId":"z","_time":"t"}"#,
            b"{}",
        ]);
        let expected = [
            r#"{    "SystemAlertId": "x\n",   "TimeGenerated": "2023-05-11T13:17:09Z" }"#,
            r#"{"SystemAlertId":"y","TimeGenerated":null,"_time":"2026-11-27T10:00:00Z"}"#,
            r#"{"SystemAlertId":"z","_time":"t"}"#,
        ];
        assert_eq!(table(&rows, "DefenderAlerts"), expected);
        assert_eq!(table(&rows, kind::OTHER), [r#"{"_time":"2026-11-27T10:00:00Z"}"#]);
        let untimed = Rows::of(&[Message { body: b"{}".to_vec(), ..Message::default() }], 100);
        assert_eq!(table(&untimed, kind::OTHER), ["{}"], "nobody knows");
    }

    #[test]
    fn what_is_no_row_keeps_its_bytes_and_a_reason_and_the_rest_goes_on() {
        let long = format!(r#"{{"a":"{}"}}"#, "x".repeat(100));
        let rows = rows(&[b"no\nJSON", b"\xff", br#"{"records":[1,{"a":1},null]}"#, long.as_bytes(), b"7"]);
        let bad: Vec<_> = rows.bad.iter().map(|bad| (bad.number, &*bad.object, bad.reason.to_string())).collect();
        let expected: [(u64, &[u8], &str); 6] = [
            (0, b"no\nJSON", "not valid JSON at byte 2"),
            (1, b"\xff", "not UTF-8"),
            (2, b"1", "not a JSON object"),
            (4, b"null", "not a JSON object"),
            (5, long.as_bytes(), "larger than 100 bytes"),
            (6, b"7", "not a JSON object"),
        ];
        assert_eq!(bad, expected.map(|(number, object, reason)| (number, object, reason.to_owned())));
        assert_eq!(rows.rows, 1);
    }
}
