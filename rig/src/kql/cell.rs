//! Cells of a reply: from the form that data export has, and out of a row's text.

use std::borrow::Cow;

use serde_json::Value as Json;

use super::table::Kind;
use super::ticks;

/// The JSON text of a cell in a reply, from a value in the form that data export has.
pub(crate) fn from_export(kind: Kind, value: Option<&Json>) -> String {
    let value = value.unwrap_or(&Json::Null);
    match (kind, value) {
        (Kind::String, Json::Null) => "\"\"".to_owned(),
        (_, Json::Null) => "null".to_owned(),
        (Kind::DateTime, Json::String(text)) => quote(&ticks::parse(text).map_or_else(|| text.clone(), ticks::format)),
        (Kind::Bool, Json::Number(number)) => (number.as_i64() != Some(0)).to_string(),
        (Kind::Bool | Kind::Int | Kind::Long | Kind::Real, value) => value.to_string(),
        // A dynamic value is JSON text in a string; one that is text already stays as it is.
        (_, Json::String(text)) => quote(text),
        (_, value) => quote(&value.to_string()),
    }
}

/// A JSON string.
pub(crate) fn quote(text: &str) -> String {
    Json::from(text).to_string()
}

/// The text that a JSON string stands for.
pub(crate) fn unquote(cell: &str) -> Cow<'_, str> {
    let inner = cell.strip_prefix('"').and_then(|cell| cell.strip_suffix('"')).unwrap_or(cell);
    match memchr::memchr(b'\\', inner.as_bytes()) {
        None => Cow::Borrowed(inner),
        Some(_) => serde_json::from_str(cell).map_or(Cow::Borrowed(inner), Cow::Owned),
    }
}

/// The cells of a row's text, which are JSON strings, numbers, `true`, `false` or `null`, and joined by commas.
pub(crate) fn split(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let end = length(text);
        rest = text.get(end + 1..);
        Some(&text[..end])
    })
}

/// Bytes of the first cell.
fn length(text: &str) -> usize {
    let bytes = text.as_bytes();
    if bytes.first() != Some(&b'"') {
        return memchr::memchr(b',', bytes).unwrap_or(bytes.len());
    }
    let mut at = 1;
    while let Some(next) = memchr::memchr2(b'"', b'\\', &bytes[at..]) {
        at += next;
        if bytes[at] == b'"' {
            return at + 1;
        }
        at = (at + 2).min(bytes.len());
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn export_form_becomes_reply_form() {
        let check =
            |kind, value: Json, cell: &str| assert_eq!(from_export(kind, Some(&value)), cell, "{kind:?} {value}");
        check(Kind::DateTime, json!("2026-01-01T00:00:00.1200000Z"), "\"2026-01-01T00:00:00.12Z\"");
        check(Kind::DateTime, json!("2026-01-01T00:00:00.0000000Z"), "\"2026-01-01T00:00:00Z\"");
        check(Kind::Dynamic, json!({"a": [1, "b"]}), "\"{\\\"a\\\":[1,\\\"b\\\"]}\"");
        check(Kind::Dynamic, json!("text"), "\"text\"");
        check(Kind::Decimal, json!(0.5), "\"0.5\"");
        check(Kind::Decimal, json!("0.10101"), "\"0.10101\"");
        check(Kind::Bool, json!(1), "true");
        check(Kind::Bool, json!(false), "false");
        check(Kind::Long, json!(9_007_199_254_740_993_i64), "9007199254740993");
        check(Kind::Real, json!(1.5), "1.5");
        check(Kind::String, json!(""), "\"\"");
        check(Kind::String, json!("a\"b\\"), "\"a\\\"b\\\\\"");
        check(Kind::Int, json!(null), "null");
        assert_eq!((from_export(Kind::String, None), from_export(Kind::Guid, None)), ("\"\"".into(), "null".into()));
    }

    #[test]
    fn cells_of_a_row() {
        let cells = ["\"a,b\"", "1", "null", "\"q\\\"q,\\\\\"", "\"\"", "-1.5e3", "\"\\u00e4\""];
        let text = cells.join(",");
        assert_eq!(split(&text).collect::<Vec<_>>(), cells);
        assert_eq!(split("1,").collect::<Vec<_>>(), ["1", ""]);
        assert_eq!(
            (unquote(cells[3]), unquote(cells[0]), unquote(cells[6])),
            ("q\"q,\\".into(), "a,b".into(), "ä".into())
        );
    }
}
