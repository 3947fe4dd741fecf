//! Provenance: the blob and the offset of a request's first row, as columns of every row in it. Pure.
//!
//! Axiom adds the members of the JSON object in `X-Axiom-Event-Labels` to each event of the request, so the body stays as the bytes came
//! (Axiom, "Send data: ingest API").

use std::fmt::Write as _;

/// The value of `X-Axiom-Event-Labels`: a JSON object in ASCII, because header values carry nothing else safely.
#[must_use]
pub fn event_labels(blob: &str, offset: u64) -> String {
    ascii(&serde_json::json!({ "source_blob": blob, "source_offset": offset }).to_string())
}

/// Escapes what is not printable ASCII; in JSON such characters occur inside strings only, where `\u` escapes mean the same.
fn ascii(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for char in json.chars() {
        if matches!(char, ' '..='~') {
            out.push(char);
        } else {
            for unit in char.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}").expect("writing to a String cannot fail");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_ascii_and_mean_the_same() {
        for blob in ["am-signinlogs/WorkspaceResourceId=/a/PT05M.json", "am-x/ä€😀\"\\\n\u{7f}\u{0}", ""] {
            let labels = event_labels(blob, u64::MAX);
            assert!(labels.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{labels}");
            let parsed: serde_json::Value = serde_json::from_str(&labels).unwrap();
            assert_eq!(parsed, serde_json::json!({ "source_blob": blob, "source_offset": u64::MAX }));
        }
        assert_eq!(event_labels("ä", 7), r#"{"source_blob":"\u00e4","source_offset":7}"#);
    }
}
