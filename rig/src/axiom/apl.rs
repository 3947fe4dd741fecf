//! The small part of APL that the stand-in understands: `['ds'] | summarize n=count(), ... by bin(_time, 1h)`, and `['ds'] | count`.

/// A parsed query.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Apl {
    pub(crate) dataset: String,
    pub(crate) aggregates: Vec<Aggregate>,
    /// Width of the time bins in nanoseconds.
    pub(crate) bin: Option<i64>,
}

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
    let (dataset, stage) = text.split_once('|').ok_or_else(|| unknown(text))?;
    let dataset = name(dataset.trim()).ok_or_else(|| unknown(dataset))?;
    let stage = stage.trim();
    if stage == "count" {
        let aggregates = vec![Aggregate { name: "Count".to_owned(), function: Function::Count, column: String::new() }];
        return Ok(Apl { dataset, aggregates, bin: None });
    }
    let rest = stage.strip_prefix("summarize ").ok_or_else(|| unknown(stage))?.trim();
    let (list, bin) = match rest.rsplit_once(" by ") {
        Some((list, by)) => (list, Some(bin(by).ok_or_else(|| unknown(by))?)),
        None => (rest, None),
    };
    let aggregates =
        list.split(',').map(|item| aggregate(item.trim()).ok_or_else(|| unknown(item))).collect::<Result<_, _>>()?;
    Ok(Apl { dataset, aggregates, bin })
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
    fn not_understood() {
        for text in [
            "ds",
            "ds | take 5",
            "ds | where a == 1 | count",
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
