//! Just enough of a Rust scanner for the rules of the house: code without comments, texts and test modules, and where functions begin and end.

/// A function.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Function {
    /// Its name.
    pub(crate) name: String,
    /// Its first line, from 1.
    pub(crate) line: usize,
    /// Lines from `fn` to its last brace.
    pub(crate) lines: usize,
}

/// The same code with every character of comments and literals blanked, line for line.
pub(crate) fn mask(code: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(code.len()), code);
    while let Some(c) = rest.chars().next() {
        // `br"`, `r#"` and the like; not the end of a name, as in `var"`.
        let after_name = out.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let literal = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if c == '"' {
            1 + text(&rest[1..])
        } else if let Some(length) = raw_text(rest).filter(|_| !after_name) {
            length
        } else if c == '\'' {
            character(rest).unwrap_or(0)
        } else {
            0
        };
        let (blank, after) = rest.split_at(literal);
        out.extend(blank.chars().map(|c| if c == '\n' { c } else { ' ' }));
        rest = after;
        if literal == 0 {
            out.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    out
}

/// Length of a comment in `/*`, which may hold others.
fn block_comment(code: &str) -> usize {
    let (mut at, mut depth) = (0, 0);
    while at < code.len() {
        let two = code.get(at..at + 2).unwrap_or_default();
        depth += i32::from(two == "/*") - i32::from(two == "*/");
        at += if matches!(two, "/*" | "*/") { 2 } else { 1 };
        if depth == 0 {
            break;
        }
    }
    at.min(code.len())
}

/// Length of a text up to and with its closing quote.
fn text(code: &str) -> usize {
    let mut escaped = false;
    let end = code.find(|c| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    });
    end.map_or(code.len(), |end| end + 1)
}

/// Length of a raw text, if one begins here.
fn raw_text(code: &str) -> Option<usize> {
    let prefix = code.strip_prefix("br").or_else(|| code.strip_prefix('r'))?;
    let hashes = prefix.len() - prefix.trim_start_matches('#').len();
    let body = prefix[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let length = body.find(&end).map_or(body.len(), |at| at + end.len());
    Some(code.len() - body.len() + length)
}

/// Length of a character literal, if this quote begins one and not a lifetime.
fn character(code: &str) -> Option<usize> {
    let mut inside = code[1..].char_indices();
    let (_, first) = inside.next()?;
    if first == '\\' {
        let (_, escaped) = inside.next()?;
        let after = 2 + escaped.len_utf8();
        return code[after..].find('\'').map(|end| after + end + 1);
    }
    let end = 1 + first.len_utf8();
    code[end..].starts_with('\'').then_some(end + 1)
}

/// Masked code without the modules under `#[cfg(test)]`.
pub(crate) fn without_tests(masked: &str) -> String {
    let (mut out, mut rest) = (String::new(), masked);
    while let Some(at) = rest.find("#[cfg(test)]") {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = body(rest).map_or_else(|| rest.find(';').map_or(rest.len(), |end| end + 1), |body| body.end);
        out.extend(rest[..end].chars().filter(|c| *c == '\n'));
        rest = &rest[end..];
    }
    out + rest
}

/// The braces of the item that begins here, both included; none for one that ends with `;`.
fn body(masked: &str) -> Option<std::ops::Range<usize>> {
    let mut nesting = 0;
    let start = masked.find(|c| {
        nesting += i32::from(matches!(c, '(' | '[')) - i32::from(matches!(c, ')' | ']'));
        nesting == 0 && matches!(c, '{' | ';')
    })?;
    if masked[start..].starts_with(';') {
        return None;
    }
    let mut depth = 0;
    let end = masked[start..].find(|c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        depth == 0
    })?;
    Some(start..start + end + 1)
}

/// Where a word stands in code, as a whole word.
pub(crate) fn words<'a>(masked: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    masked
        .match_indices(word)
        .map(|(at, _)| at)
        .filter(move |at| !masked[..*at].ends_with(is_name) && !masked[at + word.len()..].starts_with(is_name))
}

/// The functions of masked code, those inside others too.
pub(crate) fn functions(masked: &str) -> Vec<Function> {
    let of = |at: usize| {
        let name = masked[at + 2..].strip_prefix(' ')?;
        let name = name.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().filter(|name| !name.is_empty())?;
        let body = body(&masked[at..])?;
        let lines = 1 + masked[at..at + body.end].matches('\n').count();
        Some(Function { name: name.to_owned(), line: 1 + masked[..at].matches('\n').count(), lines })
    };
    words(masked, "fn").filter_map(of).collect()
}

/// The first names of paths under `root`, such as `a` and `b` in `crate::a::X` and in `use crate::{a::X, b}`.
pub(crate) fn under<'a>(masked: &'a str, root: &'a str) -> Vec<&'a str> {
    let mut names = Vec::new();
    for at in words(masked, root) {
        let Some(path) = masked[at + root.len()..].strip_prefix("::") else { continue };
        let group = path.starts_with('{').then(|| body(path)).flatten();
        let parts = group.map_or_else(|| vec![path], |group| top_level(&path[1..group.end - 1]));
        let first = |part: &'a str| part.trim().split(|c: char| !(c.is_alphanumeric() || c == '_')).next();
        names.extend(parts.into_iter().filter_map(first));
    }
    names
}

fn top_level(group: &str) -> Vec<&str> {
    let mut depth = 0;
    group
        .split(|c| {
            depth += i32::from(c == '{') - i32::from(c == '}');
            depth == 0 && c == ','
        })
        .collect()
}

#[test]
fn masks_comments_and_literals() {
    let check = |code: &str, expected: &str| assert_eq!(mask(code), expected, "{code}");
    check("a // \"b\nc", "a      \nc");
    check("a /* /* } */ \" */ b", "a                 b");
    check(r#"f("}\"{\\", x)"#, "f(        , x)");
    check(r##"f(r#"a"}"#, br"\")"##, "f(        ,      )");
    check(r"'{' '\'' '\u{7d}' b'}' &'a str 'é'", "                  b    &'a str    ");
    check("\"a\nb\"c", "  \n  c");
}

#[test]
fn finds_functions() {
    let code = "pub async fn a(x: [u8; 3]) -> bool {\n  let f: fn(u8) = g;\n  fn inner() {}\n}\nfn declared();\n#[cfg(test)]\nmod t {\n fn b() {\n }\n}\nfn c() {}";
    let found = |code: &str| -> Vec<_> { functions(code).into_iter().map(|f| (f.name, f.line, f.lines)).collect() };
    let expected = |name: &str, line, lines| (name.to_owned(), line, lines);
    assert_eq!(found(code), [expected("a", 1, 4), expected("inner", 3, 1), expected("b", 8, 2), expected("c", 11, 1)]);
    let bare = without_tests(code);
    assert_eq!(found(&bare), [expected("a", 1, 4), expected("inner", 3, 1), expected("c", 11, 1)]);
    assert_eq!(without_tests("#[cfg(test)]\nmod tests;\nfn c() {}"), "\n\nfn c() {}");
}

#[test]
fn finds_words_and_paths() {
    assert_eq!(words("fn fnord _fn fn", "fn").collect::<Vec<_>>(), [0, 13]);
    assert_eq!(under("use crate::{a::{B, C}, d};\nuse crate::e::F; my_crate::g", "crate"), ["a", "d", "e"]);
}
