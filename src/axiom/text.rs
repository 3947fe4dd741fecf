//! What an answer says, made fit for a log line or for the reason beside a refused row. Pure.

use serde::Deserialize;

/// Longest text that is kept of an answer, in characters.
const LONGEST: usize = 300;

/// The message of an error answer: `message` (or `error`) of a JSON object, else the text itself without HTML tags.
pub(super) fn message_of(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Error {
        message: Option<String>,
        error: Option<String>,
    }
    let said = serde_json::from_slice::<Error>(body).ok().and_then(|said| said.message.or(said.error));
    // Far more than is kept, because markup comes first in a page.
    let text = said.unwrap_or_else(|| without_tags(&String::from_utf8_lossy(&body[..body.len().min(16 * 1024)])));
    match short(&text) {
        text if text.is_empty() => "no message".to_owned(),
        text => text,
    }
}

/// One line of at most [`LONGEST`] characters: control characters and runs of white space become a space.
pub(super) fn short(text: &str) -> String {
    let printable = |char: char| if char.is_control() { ' ' } else { char };
    let line = text.chars().take(16 * LONGEST).map(printable).collect::<String>();
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}

fn without_tags(text: &str) -> String {
    if !text.trim_start().starts_with('<') {
        return text.to_owned();
    }
    let mut inside = false;
    let visible = text.chars().map(|char| match char {
        '<' => {
            inside = true;
            ' '
        }
        '>' => {
            inside = false;
            ' '
        }
        _ if inside => ' ',
        char => char,
    });
    visible.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages() {
        let check = |body: &str, expected: &str| assert_eq!(message_of(body.as_bytes()), expected, "{body}");
        check(r#"{"code":404,"message":"dataset not found"}"#, "dataset not found");
        check(r#"{"code":"404","message":"dataset not found"}"#, "dataset not found");
        check(r#"{"error":"no","message":null}"#, "no");
        check(r#"{"other":1}"#, r#"{"other":1}"#);
        check("upstream\r\n\tconnect \u{1b}[31merror", "upstream connect [31merror");
        check("<html><head><title>503 Busy</title></head>\n<body><h1>Busy</h1></body></html>", "503 Busy Busy");
        check("", "no message");
        check("<br>", "no message");
        check(&"ä".repeat(400), &format!("{}...", "ä".repeat(300)));
        assert_eq!(message_of(b"\xff\xfe"), "\u{fffd}\u{fffd}");
    }
}
