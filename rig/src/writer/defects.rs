//! Rows that are wrong on purpose, and the odd line ends that real blobs have.

use fastrand::Rng;

/// What is wrong with what is written. The default is nothing.
#[derive(Debug, Clone, Default)]
pub struct Defects {
    /// Share of rows that are not a JSON object by RFC 8259, 0 to 1.
    pub bad: f64,
    /// Share of blocks whose lines end with CR LF, 0 to 1.
    pub crlf: f64,
    /// Share of rows that are followed by a blank line, 0 to 1.
    pub blank: f64,
    /// Share of blocks that end in the middle of their last row, or just before its newline; the rest comes at once, as a
    /// block of its own. 0 to 1.
    pub cut: f64,
}

/// Makes a good row (a JSON object without newline, more than two bytes) into one that no strict parser takes.
pub(super) fn spoil(row: &mut Vec<u8>, rng: &mut Rng) {
    let inside = rng.usize(1..row.len());
    match rng.u8(..7) {
        0 => {
            row.truncate(inside);
            // Whoever trims white space must still find the very bytes that were written.
            while row.last().is_some_and(u8::is_ascii_whitespace) {
                row.pop();
            }
        }
        // Not UTF-8, wherever it stands.
        1 => row.insert(inside, 0xFF),
        // A bare control character, in a string as well as between values.
        2 => row.insert(inside, 0x01),
        3 => row.extend_from_slice(b"}}"),
        4 => {
            row.splice(1..1, *b",,");
        }
        // Valid JSON, but no object.
        5 => {
            row.insert(0, b'[');
            row.push(b']');
        }
        _ => row.splice(.., *b"The request was throttled. Try again later.").for_each(drop),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::Value;

    use super::*;

    #[test]
    fn a_spoilt_row_is_never_an_object_nor_two_lines() {
        let mut rng = Rng::with_seed(11);
        for _ in 0..20_000 {
            let mut row = r#"{"a":"x y","b":{"c":[1, 2]},"d":"ä"}"#.as_bytes().to_vec();
            spoil(&mut row, &mut rng);
            assert!(!row.is_empty() && !row.contains(&b'\n') && !row.contains(&b'\r'));
            let text = String::from_utf8_lossy(&row).into_owned();
            assert!(serde_json::from_slice::<BTreeMap<String, Value>>(&row).is_err(), "{text}");
        }
    }
}
