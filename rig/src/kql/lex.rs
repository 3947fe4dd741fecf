//! Words of the query language, each with its place.

use super::error::QueryError;
use super::ticks::{self, DAY, SECOND};

/// A word.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Word {
    Name(String),
    /// A name in `['...']`, which is never a keyword.
    Quoted(String),
    Text(String),
    Long(i64),
    Real(f64),
    /// `1d`, `time(10m)`, in ticks.
    Span(i64),
    /// `datetime(...)`, in ticks since the Unix epoch.
    Time(i64),
    Sign(&'static str),
    /// What is no word; nothing can follow it.
    Bad,
    End,
}

/// A word, and where it begins in the query.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Token {
    pub(crate) word: Word,
    /// The word as it stands in the query.
    pub(crate) text: String,
    line: usize,
    position: usize,
}

impl Token {
    /// The error that says: up to here, and no further.
    pub(crate) fn error(&self) -> QueryError {
        QueryError::Syntax { line: self.line, position: self.position, token: self.text.clone() }
    }
}

/// Longer ones first.
const SIGNS: [&str; 19] =
    ["==", "=~", "!=", "<=", ">=", "..", ".", "~", "|", "(", ")", ",", "=", "<", ">", "*", "/", "+", "-"];

/// Splits a query into its words, up to and with [`Word::End`] or [`Word::Bad`].
pub(crate) fn words(query: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut at = 0;
    loop {
        at += blank(&query[at..]);
        let rest = &query[at..];
        let (word, length) = word(rest).unwrap_or_else(|| (Word::Bad, bad(rest)));
        let done = matches!(word, Word::End | Word::Bad);
        tokens.push(token(query, at, word, length));
        if done {
            return tokens;
        }
        at += length;
    }
}

/// Bytes of what is no word: a run of letters and digits, or one character.
fn bad(text: &str) -> usize {
    let run = text.find(|c: char| !c.is_alphanumeric()).unwrap_or(text.len());
    if run > 0 { run } else { text.chars().next().map_or(0, char::len_utf8) }
}

fn token(query: &str, at: usize, word: Word, length: usize) -> Token {
    let before = &query[..at];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let (line, position) = (1 + before.matches('\n').count(), before[line_start..].chars().count());
    Token { word, text: query[at..at + length].to_owned(), line, position }
}

/// Bytes of white space and comments.
fn blank(text: &str) -> usize {
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        if !rest.starts_with("//") {
            return text.len() - rest.len();
        }
        rest = rest.find('\n').map_or("", |end| &rest[end..]);
    }
}

/// The first word of a text, and its bytes.
fn word(text: &str) -> Option<(Word, usize)> {
    let Some(first) = text.chars().next() else { return Some((Word::End, 0)) };
    if first.is_ascii_alphabetic() || first == '_' {
        return name_or_literal(text);
    }
    if first.is_ascii_digit() {
        return number(text);
    }
    if let Some(rest) = text.strip_prefix('[') {
        let (name, length) = quoted(rest)?;
        return rest[length..].starts_with(']').then(|| (Word::Quoted(name), length + 2));
    }
    if let Some((value, length)) = quoted(text) {
        return Some((Word::Text(value), length));
    }
    SIGNS.iter().find(|sign| text.starts_with(**sign)).map(|sign| (Word::Sign(sign), sign.len()))
}

/// A name, or `datetime(...)`, `time(...)`, `timespan(...)` as one word.
fn name_or_literal(text: &str) -> Option<(Word, usize)> {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let is_literal = matches!(name, "datetime" | "time" | "timespan") && rest.trim_start().starts_with('(');
    if !is_literal {
        return Some((Word::Name(name.to_owned()), end));
    }
    let (inner, after) = rest.trim_start().strip_prefix('(')?.split_once(')')?;
    let literal = inner.trim().trim_matches(['"', '\'']);
    let word = if name == "datetime" { ticks::parse(literal).map(Word::Time) } else { span(literal).map(Word::Span) };
    word.map(|word| (word, text.len() - after.len()))
}

/// `12`, `1.5`, `2h`; what is neither is no word at all.
fn number(text: &str) -> Option<(Word, usize)> {
    let mut end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    // Two points are a sign of their own: `1..5`.
    let fraction = text[end..].strip_prefix('.').filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    if let Some(rest) = fraction {
        end += 1 + rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    }
    let unit = text[end..].find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len() - end);
    if unit > 0 {
        return span(&text[..end + unit]).map(|ticks| (Word::Span(ticks), end + unit));
    }
    let number = &text[..end];
    let word =
        if fraction.is_some() { number.parse().map(Word::Real).ok() } else { number.parse().map(Word::Long).ok() };
    word.map(|word| (word, end))
}

/// `1d`, `1.5h`, `30s`, `100ms`, `1tick`, or `00:05:00`, in ticks.
fn span(text: &str) -> Option<i64> {
    if let Some(clock) = text.contains(':').then(|| ticks::parse(&format!("1970-01-01 {text}"))) {
        return clock;
    }
    let (number, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic())?);
    let unit = match unit {
        "d" | "day" | "days" => DAY,
        "h" | "hour" | "hours" => 3600 * SECOND,
        "m" | "min" | "minute" | "minutes" => 60 * SECOND,
        "s" | "sec" | "second" | "seconds" => SECOND,
        "ms" | "milli" | "millisecond" | "milliseconds" => SECOND / 1000,
        "microsecond" | "microseconds" => SECOND / 1_000_000,
        "tick" | "ticks" => 1,
        _ => return None,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let part = i128::from(ticks::fraction(fraction)?) * i128::from(unit) / i128::from(SECOND);
    whole.parse::<i64>().ok()?.checked_mul(unit)?.checked_add(i64::try_from(part).ok()?)
}

/// A text in quotes, or `@"..."` without escapes; and its bytes with the quotes.
fn quoted(text: &str) -> Option<(String, usize)> {
    let (verbatim, rest) = text.strip_prefix('@').map_or((false, text), |rest| (true, rest));
    let quote = rest.chars().next().filter(|first| matches!(first, '"' | '\''))?;
    let mut value = String::new();
    let mut characters = rest.char_indices().skip(1);
    while let Some((at, c)) = characters.next() {
        match c {
            '\n' => return None,
            '\\' if !verbatim => value.push(match characters.next()?.1 {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                other => other,
            }),
            end if end == quote => return Some((value, text.len() - rest.len() + at + 1)),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(query: &str, expected: &[Word]) {
        let words: Vec<_> = words(query).into_iter().map(|token| token.word).collect();
        assert_eq!(&words[..words.len() - 1], expected, "{query}");
        assert_eq!(words.last(), Some(&Word::End));
    }

    #[test]
    fn every_kind_of_word() {
        let name = |name: &str| Word::Name(name.to_owned());
        let text = |text: &str| Word::Text(text.to_owned());
        check("T | take 5 // five\n", &[name("T"), Word::Sign("|"), name("take"), Word::Long(5)]);
        check("a>=1.5 b<2", &[name("a"), Word::Sign(">="), Word::Real(1.5), name("b"), Word::Sign("<"), Word::Long(2)]);
        check(r#""a\"b\n" 'it' @"c:\d""#, &[text("a\"b\n"), text("it"), text("c:\\d")]);
        check("a.b =~ c", &[name("a"), Word::Sign("."), name("b"), Word::Sign("=~"), name("c")]);
        check("['a b'] _x1", &[Word::Quoted("a b".to_owned()), name("_x1")]);
        check("datetime(1970-01-01T00:00:01.0000001Z)", &[Word::Time(SECOND + 1)]);
        check("datetime( \"1970-01-02\" )", &[Word::Time(DAY)]);
        check("1d 12h 1.5h", &[Word::Span(DAY), Word::Span(DAY / 2), Word::Span(5400 * SECOND)]);
        check("30s 100ms 1tick time(00:05:00)", &[300_000_000, 1_000_000, 1, 300 * SECOND].map(Word::Span));
        check(
            "1 .. 2 (*)",
            &[Word::Long(1), Word::Sign(".."), Word::Long(2)]
                .into_iter()
                .chain(["(", "*", ")"].map(Word::Sign))
                .collect::<Vec<_>>(),
        );
    }

    #[test]
    fn what_is_no_word() {
        let error = |query: &str| words(query).into_iter().find(|token| token.word == Word::Bad).expect(query).error();
        let syntax = |line, position, token: &str| QueryError::Syntax { line, position, token: token.to_owned() };
        assert_eq!(error("T ; x"), syntax(1, 2, ";"));
        assert_eq!(error("T\n| where ä"), syntax(2, 8, "ä"));
        assert_eq!(error("T | where a == \"open"), syntax(1, 15, "\""));
        assert_eq!(error("T | take 5x\n| count"), syntax(1, 9, "5x"));
        assert_eq!(error("T | where a > datetime(soon)"), syntax(1, 14, "datetime"));
    }
}
