//! Documents that may hold only keys which are known: a key with a typo is refused, and never ignored.

use serde_json::{Map, Value};

use super::fault::Refusal;

/// The object at `place`, all of whose keys are among `keys`.
pub(crate) fn object<'a>(value: &'a Value, place: &str, keys: &[&str]) -> Result<&'a Map<String, Value>, Refusal> {
    let object = value.as_object().ok_or_else(|| invalid(place, "expected an object"))?;
    match object.keys().find(|key| !keys.contains(&key.as_str())) {
        Some(key) => Err(invalid(place, &format!("Unrecognized key: \"{key}\""))),
        None => Ok(object),
    }
}

/// The text under `key`, of at most so many characters and not empty.
pub(crate) fn text<'a>(
    object: &'a Map<String, Value>,
    place: &str,
    key: &str,
    most: usize,
) -> Result<&'a str, Refusal> {
    let text = object.get(key).and_then(Value::as_str).filter(|text| (1..=most).contains(&text.chars().count()));
    text.ok_or_else(|| invalid(place, &format!("{key} must be a text of 1 to {most} characters")))
}

/// The whole number under `key`, if it lies in the range.
pub(crate) fn number(
    object: &Map<String, Value>,
    place: &str,
    key: &str,
    range: std::ops::RangeInclusive<i64>,
) -> Result<i64, Refusal> {
    let number = object.get(key).and_then(Value::as_i64).filter(|number| range.contains(number));
    number.ok_or_else(|| {
        invalid(place, &format!("{key} must be a whole number from {} to {}", range.start(), range.end()))
    })
}

/// The text under `key`, which is one of these.
pub(crate) fn one_of<'a>(
    object: &'a Map<String, Value>,
    place: &str,
    key: &str,
    words: &[&str],
) -> Result<&'a str, Refusal> {
    let word = object.get(key).and_then(Value::as_str).filter(|word| words.contains(word));
    word.ok_or_else(|| invalid(place, &format!("{key} must be one of {}", words.join(", "))))
}

/// A 400 that says where.
pub(crate) fn invalid(place: &str, what: &str) -> Refusal {
    Refusal::new(400, format!("{place}: {what}"))
}
