//! Words of management commands.

/// What is left of a command.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scan<'a> {
    rest: &'a str,
}

impl<'a> Scan<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { rest: text.trim() }
    }

    /// Whether nothing is left.
    pub(crate) fn is_done(&self) -> bool {
        self.rest.is_empty()
    }

    /// What is left, for messages.
    pub(crate) fn rest(&self) -> &'a str {
        self.rest
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest[bytes..].trim_start();
    }

    /// Takes some keywords that follow each other; all of them or none. Case does not count.
    pub(crate) fn takes(&mut self, words: &str) -> bool {
        let mut scan = *self;
        for word in words.split(' ') {
            let end = scan.rest.find(|c: char| !is_word(c)).unwrap_or(scan.rest.len());
            if !scan.rest[..end].eq_ignore_ascii_case(word) {
                return false;
            }
            scan.skip(end);
        }
        *self = scan;
        true
    }

    /// Takes a sign.
    pub(crate) fn sign(&mut self, sign: char) -> bool {
        let found = self.rest.starts_with(sign);
        if found {
            self.skip(sign.len_utf8());
        }
        found
    }

    /// A name: `T`, `['T']`, `["T"]`.
    pub(crate) fn name(&mut self) -> Option<String> {
        if let Some(inner) = self.rest.strip_prefix('[') {
            let mut scan = Scan::new(inner);
            let name = scan.text()?;
            if !scan.sign(']') {
                return None;
            }
            *self = scan;
            return Some(name);
        }
        let end = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(self.rest.len());
        let name = self.rest[..end].to_owned();
        self.skip(end);
        (!name.is_empty()).then_some(name)
    }

    /// Text in quotes, or between fences of three backticks; several that follow each other are one.
    pub(crate) fn text(&mut self) -> Option<String> {
        let mut whole = self.piece()?;
        while let Some(piece) = self.piece() {
            whole.push_str(&piece);
        }
        Some(whole)
    }

    fn piece(&mut self) -> Option<String> {
        if let Some(inner) = self.rest.strip_prefix("```") {
            let (text, rest) = inner.split_once("```")?;
            self.rest = rest.trim_start();
            return Some(text.to_owned());
        }
        // `h` hides the text from logs, `@` takes it as it is.
        let text = self.rest.strip_prefix(['h', 'H']).unwrap_or(self.rest);
        let (verbatim, text) = text.strip_prefix('@').map_or((false, text), |text| (true, text));
        let quote = text.chars().next().filter(|first| matches!(first, '"' | '\''))?;
        let mut value = String::new();
        let mut characters = text.char_indices().skip(1).peekable();
        while let Some((at, c)) = characters.next() {
            match c {
                '\\' if !verbatim => value.push(match characters.next()?.1 {
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    other => other,
                }),
                end if end == quote && verbatim && characters.peek().is_some_and(|(_, next)| *next == quote) => {
                    characters.next();
                    value.push(quote);
                }
                end if end == quote => {
                    self.rest = text[at + 1..].trim_start();
                    return Some(value);
                }
                other => value.push(other),
            }
        }
        None
    }

    /// Takes everything between this opening parenthesis and the one that closes it.
    pub(crate) fn parentheses(&mut self) -> Option<&'a str> {
        let inner = self.rest.strip_prefix('(')?;
        let (mut depth, mut quote) = (1_usize, None);
        for (at, c) in inner.char_indices() {
            match (quote, c) {
                (Some(open), close) if open == close => quote = None,
                (Some(_), _) => {}
                (None, '"' | '\'') => quote = Some(c),
                (None, '(') => depth += 1,
                (None, ')') => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                self.rest = inner[at + 1..].trim_start();
                return Some(&inner[..at]);
            }
        }
        None
    }
}

/// Whether a character belongs to a keyword such as `create-merge`.
fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_names_and_texts() {
        let mut scan = Scan::new(" .create-MERGE table ['a b'] (x:string, y:dynamic) with (folder = 'R)w') ");
        assert!(!scan.takes(".create table"), "all of them or none");
        assert!(scan.takes(".create-merge table"));
        assert_eq!(scan.name().as_deref(), Some("a b"));
        assert_eq!(scan.parentheses(), Some("x:string, y:dynamic"));
        assert!(scan.takes("with"));
        assert_eq!((scan.parentheses(), scan.is_done()), (Some("folder = 'R)w'"), true));
    }

    #[test]
    fn texts_in_all_their_forms() {
        for (text, value) in [
            (r#""a\"b""#, Some("a\"b")),
            (r"'[{\'x\': 1}]'", Some("[{'x': 1}]")),
            (r#"@'c:\d''e'"#, Some(r"c:\d'e")),
            (r#"h"secret""#, Some("secret")),
            ("```\n[1]\n```", Some("\n[1]\n")),
            ("'[1,'\n'2]'", Some("[1,2]")),
            ("'open", None),
            ("plain", None),
        ] {
            assert_eq!(Scan::new(text).text().as_deref(), value, "{text}");
        }
    }
}
