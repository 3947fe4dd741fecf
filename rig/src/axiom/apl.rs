//! The small part of APL that the stand-in understands: a dataset, any number of `where`, and one of `count`,
//! `summarize n=count(), ... by bin(_time, 1h)` and `project a, b | limit 10`.

use super::timestamp;

/// A parsed query.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Apl {
    pub(crate) dataset: String,
    /// What a row must be, all of it.
    pub(crate) filters: Vec<Filter>,
    pub(crate) aggregates: Vec<Aggregate>,
    /// Width of the time bins in nanoseconds.
    pub(crate) bin: Option<i64>,
    /// The rows themselves instead: these columns, of so many rows at most.
    pub(crate) project: Option<(Vec<String>, usize)>,
}

/// One condition of a `where`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Filter {
    /// `_time` is this or later, in nanoseconds.
    From(i64),
    /// `_time` is earlier than this.
    Before(i64),
    /// A column holds this text.
    Is(String, String),
}

/// Rows of a page where a query asks for no number ("Run a query", cursors).
const PAGE: usize = 1000;

/// One result column.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Aggregate {
    pub(crate) name: String,
    pub(crate) function: Function,
    /// The column that it is about, empty for `count()`.
    pub(crate) column: String,
}

/// What is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    Count,
    Min,
    Max,
    DistinctCount,
}

/// Parses a query; the error says what is not understood.
pub(crate) fn parse(text: &str) -> Result<Apl, String> {
    let mut stages = text.split('|').map(str::trim).peekable();
    let dataset = stages.next().unwrap_or_default();
    let dataset = name(dataset).ok_or_else(|| unknown(dataset))?;
    let mut filters = Vec::new();
    while let Some(conditions) = stages.peek().and_then(|stage| stage.strip_prefix("where ")) {
        for condition in conditions.split(" and ") {
            filters.push(filter(condition.trim()).ok_or_else(|| unknown(condition))?);
        }
        stages.next();
    }
    let stage = stages.next().ok_or_else(|| unknown(text))?;
    let mut apl = Apl { dataset, filters, aggregates: Vec::new(), bin: None, project: None };
    if stage == "count" {
        apl.aggregates.push(Aggregate { name: "Count".to_owned(), function: Function::Count, column: String::new() });
    } else if let Some(columns) = stage.strip_prefix("project ") {
        let columns = columns.split(',').map(|column| name(column.trim()).ok_or_else(|| unknown(column)));
        let limit = match stages.next() {
            None => PAGE,
            Some(limit) => {
                let number = limit.strip_prefix("limit ").or_else(|| limit.strip_prefix("take "));
                number.and_then(|number| number.trim().parse().ok()).ok_or_else(|| unknown(limit))?
            }
        };
        apl.project = Some((columns.collect::<Result<_, _>>()?, limit));
    } else {
        let rest = stage.strip_prefix("summarize ").ok_or_else(|| unknown(stage))?.trim();
        let (list, bin) = match rest.rsplit_once(" by ") {
            Some((list, by)) => (list, Some(bin(by).ok_or_else(|| unknown(by))?)),
            None => (rest, None),
        };
        let aggregates = list.split(',').map(|item| aggregate(item.trim()).ok_or_else(|| unknown(item)));
        (apl.aggregates, apl.bin) = (aggregates.collect::<Result<_, _>>()?, bin);
    }
    match stages.next() {
        Some(more) => Err(unknown(more)),
        None => Ok(apl),
    }
}

/// `_time >= datetime(2026-01-01T00:00:00Z)`, `_time < datetime(...)`, or `column == "text"`.
fn filter(text: &str) -> Option<Filter> {
    if let Some((column, value)) = text.split_once("==") {
        let value = value.trim().strip_prefix('"')?.strip_suffix('"').filter(|value| !value.contains(['"', '\\']))?;
        return Some(Filter::Is(name(column.trim())?, value.to_owned()));
    }
    let time = |rest: &str| timestamp::parse_text(rest.trim().strip_prefix("datetime(")?.strip_suffix(')')?.trim());
    match text.strip_prefix("_time")?.trim_start() {
        rest if rest.starts_with(">=") => Some(Filter::From(time(&rest[2..])?)),
        rest => Some(Filter::Before(time(rest.strip_prefix('<').filter(|rest| !rest.starts_with('='))?)?)),
    }
}

fn unknown(part: &str) -> String {
    format!("syntax is not supported: {}", part.trim())
}

/// A bare name, or `['any name']`.
fn name(text: &str) -> Option<String> {
    let quoted = text.strip_prefix("['").and_then(|rest| rest.strip_suffix("']"));
    let quoted = quoted.or_else(|| text.strip_prefix("[\"").and_then(|rest| rest.strip_suffix("\"]")));
    let is_bare = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    match quoted {
        Some(inner) => (!inner.is_empty() && !inner.contains(['\'', '"'])).then(|| inner.to_owned()),
        None => is_bare.then(|| text.to_owned()),
    }
}

fn aggregate(text: &str) -> Option<Aggregate> {
    let (alias, call) = match text.split_once('=') {
        Some((alias, call)) => (Some(name(alias.trim())?), call.trim()),
        None => (None, text),
    };
    let (function, argument) = call.strip_suffix(')')?.split_once('(')?;
    let (function, argument) = (function.trim(), argument.trim());
    let kind = match function {
        "count" => Function::Count,
        "min" => Function::Min,
        "max" => Function::Max,
        "dcount" => Function::DistinctCount,
        _ => return None,
    };
    let column = if kind == Function::Count { argument.is_empty().then(String::new)? } else { name(argument)? };
    Some(Aggregate { name: alias.unwrap_or_else(|| format!("{function}_{column}")), function: kind, column })
}

/// `bin(_time, 1h)` in nanoseconds.
fn bin(text: &str) -> Option<i64> {
    let (column, width) = text.trim().strip_prefix("bin(")?.strip_suffix(')')?.split_once(',')?;
    let width = width.trim();
    let (number, unit) = width.split_at(width.find(|digit: char| !digit.is_ascii_digit())?);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    let width = number.parse::<i64>().ok()?.checked_mul(seconds * 1_000_000_000)?;
    (column.trim() == "_time" && width > 0).then_some(width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn understood() {
        let check = |text: &str, dataset: &str, columns: &[(&str, Function, &str)], bin: Option<i64>| {
            let parsed = parse(text).expect(text);
            let found: Vec<_> =
                parsed.aggregates.iter().map(|a| (a.name.as_str(), a.function, a.column.as_str())).collect();
            assert_eq!((parsed.dataset.as_str(), &found[..], parsed.bin), (dataset, columns, bin), "{text}");
        };
        check("['my-ds'] | count", "my-ds", &[("Count", Function::Count, "")], None);
        check("ds | summarize count()", "ds", &[("count_", Function::Count, "")], None);
        check(
            "['ds']|summarize n = count(), lo=min(_time), max(_time), u=dcount(['a.b'])",
            "ds",
            &[
                ("n", Function::Count, ""),
                ("lo", Function::Min, "_time"),
                ("max__time", Function::Max, "_time"),
                ("u", Function::DistinctCount, "a.b"),
            ],
            None,
        );
        check(
            "ds | summarize n=count() by bin(_time, 1h)",
            "ds",
            &[("n", Function::Count, "")],
            Some(3_600_000_000_000),
        );
    }

    #[test]
    fn filters_and_rows() {
        let text = "['a-b'] | where _time >= datetime(1970-01-01T00:00:01Z) and _time < datetime(1970-01-01T00:00:02.0000001Z) | where Type == \"T\" | project ['_ItemId'], x | limit 5";
        let parsed = parse(text).expect(text);
        let is = |column: &str, value: &str| Filter::Is(column.to_owned(), value.to_owned());
        assert_eq!(parsed.filters, [Filter::From(1_000_000_000), Filter::Before(2_000_000_100), is("Type", "T")]);
        assert_eq!(parsed.project, Some((vec!["_ItemId".to_owned(), "x".to_owned()], 5)));
        assert_eq!(parse("ds | project x").expect("a page").project, Some((vec!["x".to_owned()], PAGE)));
        assert_eq!(parse("ds | where a == \"b\" | count").expect("a count").filters, [is("a", "b")]);
    }

    #[test]
    fn not_understood() {
        for text in [
            "ds",
            "ds | take 5",
            "ds | where a == 1 | count",
            "ds | where a == \"x",
            "ds | where a == \"x\"",
            "ds | where _time <= datetime(2026-01-01T00:00:00Z) | count",
            "ds | where _time < 2026 | count",
            "ds | project a | limit many",
            "ds | project a | limit 5 | count",
            "ds | count | count",
            "union a, b | count",
            "ds | summarize avg(x)",
            "ds | summarize count(x)",
            "ds | summarize count() by user",
            "ds | summarize count() by bin(_time, 1w)",
            "a-b | count",
            "ds | summarize min()",
            "",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
