//! Which lines are rows, against `serde_json::Value` as the oracle. The exact relation:
//!
//! `check_row(line)` is `Ok` if and only if the line is not longer than the limit, and, with two things made harmless, `serde_json` reads it as an
//! object that nests at most `DEEPEST` levels. The two are legal by the grammar of RFC 8259 and pass, but have no place in a `Value`: escaped
//! surrogates (`\uD800` to `\uDFFF`) without their partner, and numbers beyond an `f64`.
//!
//! Fields of more than `FIELD_BYTES` are out of reach here: inputs are shorter.

#![no_main]

use std::fmt;

use libfuzzer_sys::fuzz_target;
use sentinel_axiom::json::is_object;
use sentinel_axiom::lines::{BadRow, DEEPEST, check_row};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// Reached by many inputs.
const LIMIT: usize = 600;

fuzz_target!(|line: &[u8]| {
    let verdict = check_row(line, LIMIT);
    let expected = expected(line);
    // The filter in front of the strict parser: it takes nothing that the oracle does not, and leaves nothing to it but control characters and more nesting.
    let filtered = is_object(line, DEEPEST);
    match expected {
        Some(Ok(())) => assert_eq!(filtered, !line.iter().any(|byte| *byte < b' ')),
        Some(Err(BadRow::TooLarge(_))) => {}
        Some(Err(_)) | None => assert!(!filtered, "taken"),
    }
    match (verdict, expected) {
        // Where it is broken is not compared.
        (Err(BadRow::NotJson(_)), Some(Err(BadRow::NotJson(_)))) => {}
        (verdict, Some(expected)) => assert_eq!(verdict, expected),
        // Deeper than the oracle reads. What it is, it cannot say, but a row it is not.
        (verdict, None) => assert!(verdict.is_err(), "deeper than {DEEPEST}, and taken"),
    }
});

/// The oracle's verdict; none where the text nests deeper (127 levels) than `serde_json` reads.
fn expected(line: &[u8]) -> Option<Result<(), BadRow>> {
    if line.len() > LIMIT {
        return Some(Err(BadRow::TooLarge(LIMIT)));
    }
    let Ok(text) = std::str::from_utf8(line) else { return Some(Err(BadRow::NotUtf8)) };
    let harmless = harmless(text);
    let value: Value = match serde_json::from_str(&harmless) {
        Ok(value) => value,
        Err(error) if error.to_string().starts_with("recursion limit exceeded") => return None,
        Err(_) => return Some(Err(BadRow::NotJson(0))),
    };
    if !value.is_object() {
        return Some(Err(BadRow::NotAnObject));
    }
    // Of the text, not of the value, in which the second of two equal names has replaced the first.
    let depth = Depth.deserialize(&mut serde_json::Deserializer::from_str(&harmless));
    let too_deep = depth.expect("it was read before") > DEEPEST;
    Some(if too_deep { Err(BadRow::TooDeep) } else { Ok(()) })
}

/// The same text with surrogate escapes turned into a letter, exponents cut to one digit and digits to 300. Never makes a broken text whole: each
/// replaced piece is legal at the same places as what replaces it.
fn harmless(text: &str) -> String {
    let (mut out, mut rest, mut in_string) = (String::new(), text, false);
    while let Some(c) = rest.chars().next() {
        let length = match c {
            '\\' if in_string => {
                let escape = rest.get(..6).filter(|escape| is_surrogate(escape));
                out.push_str(if escape.is_some() { "\\u0041" } else { rest.get(..2).unwrap_or(rest) });
                if escape.is_some() { 6 } else { rest.get(..2).map_or(rest.len(), str::len) }
            }
            '0'..='9' if !in_string => {
                let digits = digits(rest);
                let exponent = out.ends_with(['e', 'E'])
                    || out.ends_with("e-")
                    || out.ends_with("E-")
                    || out.ends_with("e+")
                    || out.ends_with("E+");
                out.push_str(&rest[..digits.min(if exponent { 1 } else { 300 })]);
                digits
            }
            _ => {
                in_string ^= c == '"';
                out.push(c);
                c.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    out
}

fn is_surrogate(escape: &str) -> bool {
    let hex = escape.strip_prefix("\\u").filter(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
    hex.and_then(|hex| u32::from_str_radix(hex, 16).ok()).is_some_and(|code| (0xD800..0xE000).contains(&code))
}

fn digits(text: &str) -> usize {
    text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len())
}

/// Measures how deep a text nests: 0 for a scalar.
struct Depth;

impl<'de> DeserializeSeed<'de> for Depth {
    type Value = u32;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<u32, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Depth {
    type Value = u32;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<u32, E> {
        Ok(0)
    }

    fn visit_bool<E>(self, _: bool) -> Result<u32, E> {
        Ok(0)
    }

    fn visit_i64<E>(self, _: i64) -> Result<u32, E> {
        Ok(0)
    }

    fn visit_u64<E>(self, _: u64) -> Result<u32, E> {
        Ok(0)
    }

    fn visit_f64<E>(self, _: f64) -> Result<u32, E> {
        Ok(0)
    }

    fn visit_str<E>(self, _: &str) -> Result<u32, E> {
        Ok(0)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<u32, A::Error> {
        let mut deepest = 0;
        while let Some(depth) = items.next_element_seed(Self)? {
            deepest = deepest.max(depth);
        }
        Ok(deepest + 1)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<u32, A::Error> {
        let mut deepest = 0;
        while fields.next_key::<IgnoredAny>()?.is_some() {
            deepest = deepest.max(fields.next_value_seed(Self)?);
        }
        Ok(deepest + 1)
    }
}
