//! JSON that keeps the order of its keys, written as the host's serialiser (Newtonsoft.Json) writes it.
//!
//! The recorded envelopes are compared byte for byte, so the sorted map of `serde_json` will not do; its feature
//! `preserve_order` would change the shipped program's maps as well, because features are shared by a workspace.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::clock;

/// A JSON value whose objects keep the order of their keys.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json {
    /// Null, boolean or number.
    Plain(serde_json::Value),
    /// A string.
    Text(String),
    /// An array.
    Array(Vec<Json>),
    /// An object.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Reads a JSON object; anything else is `None`, as the host takes only objects apart.
    pub(crate) fn object(text: &str) -> Option<Vec<(String, Json)>> {
        match serde_json::from_str(text) {
            Ok(Json::Object(members)) => Some(members),
            _ => None,
        }
    }

    /// Writes the value without white space.
    pub(crate) fn write(&self, out: &mut String) {
        match self {
            Json::Plain(value) => out.push_str(&value.to_string()),
            Json::Text(text) => out.push_str(&quote(text)),
            Json::Array(items) => {
                out.push('[');
                for (i, item) in items.iter().enumerate() {
                    out.push_str(if i > 0 { "," } else { "" });
                    item.write(out);
                }
                out.push(']');
            }
            Json::Object(members) => {
                out.push('{');
                for (i, (key, value)) in members.iter().enumerate() {
                    out.push_str(if i > 0 { "," } else { "" });
                    out.push_str(&quote(key));
                    out.push(':');
                    value.write(out);
                }
                out.push('}');
            }
        }
    }

    /// Rewrites every date inside, because the host's parser reads them as dates and prints them anew.
    pub(crate) fn with_dates_reprinted(self) -> Json {
        match self {
            Json::Text(text) => Json::Text(clock::reprinted(&text).unwrap_or(text)),
            Json::Array(items) => Json::Array(items.into_iter().map(Json::with_dates_reprinted).collect()),
            Json::Object(members) => {
                Json::Object(members.into_iter().map(|(key, value)| (key, value.with_dates_reprinted())).collect())
            }
            plain @ Json::Plain(_) => plain,
        }
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        self.write(&mut out);
        f.write_str(&out)
    }
}

/// A JSON string literal. Non-ASCII stays raw, except the three line separators that Newtonsoft.Json escapes.
pub(crate) fn quote(text: &str) -> String {
    let literal = serde_json::Value::from(text).to_string();
    if !literal.contains(['\u{85}', '\u{2028}', '\u{2029}']) {
        return literal;
    }
    literal.replace('\u{85}', "\\u0085").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Plain(serde_json::Value::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Plain(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Plain(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Plain(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Plain(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Json::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut members: Vec<(String, Json)> = Vec::new();
        while let Some((key, value)) = map.next_entry::<String, Json>()? {
            match members.iter_mut().find(|(known, _)| *known == key) {
                Some(member) => member.1 = value,
                None => members.push((key, value)),
            }
        }
        Ok(Json::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_keep_their_order_and_the_last_of_two_wins() {
        let text = r#"{ "b": [1, 2.5, null, true], "a": {"z": "é", "y": -1}, "b": "\u2028" }"#;
        let read: Json = serde_json::from_str(text).unwrap();
        assert_eq!(read.to_string(), r#"{"b":"\u2028","a":{"z":"é","y":-1}}"#);
    }

    #[test]
    fn only_objects_are_taken_apart() {
        assert!(Json::object("[1]").is_none());
        assert!(Json::object("42").is_none());
        assert!(Json::object("a plain text").is_none());
        assert_eq!(Json::object("{}"), Some(vec![]));
    }
}
