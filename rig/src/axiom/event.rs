//! What Axiom makes of one event: flat columns, replaced values, renamed names, and a time.

use serde_json::{Map, Value, json};

use super::options::{LongValue, Rules};
use super::timestamp;

/// Names that Axiom keeps for itself; an event's own are renamed.
const RESERVED: [&str; 5] = ["_blockInfo", "_cursor", "_rowID", "_source", "_sysTime"];

/// One event as stored.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event {
    /// Nanoseconds since the epoch.
    pub(crate) time: i64,
    /// Flat columns, `_time` and `_sysTime` among them.
    pub(crate) columns: Map<String, Value>,
}

/// Why an event is not taken as it is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// It is refused alone.
    Row(String),
    /// The whole request is refused.
    Request(String),
}

/// What a request says about all its events.
#[derive(Debug, Default)]
pub(crate) struct Context {
    pub(crate) timestamp_field: Option<String>,
    pub(crate) timestamp_format: Option<String>,
    pub(crate) labels: Map<String, Value>,
    pub(crate) map_fields: Vec<String>,
    /// The time of ingest.
    pub(crate) now: i64,
}

/// Parses one event. Whatever is nested deeper than `depth` levels is nil, and so are NaN and infinite numbers.
pub(crate) fn parse(raw: &[u8], depth: usize) -> Result<Map<String, Value>, String> {
    let pruned = prune(raw, depth);
    let raw = pruned.as_deref().unwrap_or(raw);
    let parsed = serde_json::from_slice(raw);
    match parsed.or_else(|error| serde_json::from_slice(&finite(raw)).map_err(|_| error)) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err("event is not a JSON object".to_owned()),
        Err(error) => Err(format!("invalid JSON: {error}")),
    }
}

/// The same JSON with `null` for each value below `depth` levels; `None` if there is none.
fn prune(raw: &[u8], depth: usize) -> Option<Vec<u8>> {
    let (mut level, mut quoted, mut escaped, mut pruned) = (0_usize, false, false, false);
    let mut out = Vec::new();
    for &byte in raw {
        if quoted {
            (quoted, escaped) = (escaped || byte != b'"', !escaped && byte == b'\\');
        } else {
            quoted = byte == b'"';
            level += usize::from(matches!(byte, b'{' | b'['));
            if level == depth + 1 && matches!(byte, b'{' | b'[') {
                out.extend_from_slice(b"null");
                pruned = true;
            }
        }
        if level <= depth {
            out.push(byte);
        }
        if !quoted && matches!(byte, b'}' | b']') {
            level = level.saturating_sub(1);
        }
    }
    pruned.then_some(out)
}

/// The same JSON with `null` for each number that is not finite, as some writers print them.
fn finite(raw: &[u8]) -> Vec<u8> {
    let (mut quoted, mut escaped, mut token, mut out) = (false, false, Vec::new(), Vec::new());
    for &byte in raw {
        if !quoted && (byte.is_ascii_alphanumeric() || b"+-.".contains(&byte)) {
            token.push(byte);
            continue;
        }
        let number = std::str::from_utf8(&token).ok().and_then(|token| token.parse::<f64>().ok());
        out.extend_from_slice(if number.is_some_and(|number| !number.is_finite()) { b"null" } else { &token });
        token.clear();
        if quoted {
            (quoted, escaped) = (escaped || byte != b'"', !escaped && byte == b'\\');
        } else {
            quoted = byte == b'"';
        }
        out.push(byte);
    }
    out
}

/// Turns an event's fields into the columns that are stored.
pub(crate) fn admit(fields: Map<String, Value>, context: &Context, rules: &Rules) -> Result<Event, Flaw> {
    let mut columns = Map::new();
    flatten("", fields, &context.map_fields, &mut columns);
    for value in columns.values_mut() {
        shorten(value, rules)?;
    }
    for (label, value) in &context.labels {
        columns.insert(label.clone(), value.clone());
    }
    if let Some(name) = columns.keys().find(|name| name.len() > rules.name_bytes) {
        return Err(Flaw::Row(format!("field name of {} bytes is too long", name.len())));
    }
    let time = event_time(&mut columns, context, rules).map_err(Flaw::Row)?;
    columns.insert("_time".to_owned(), json!(timestamp::format(time)));
    columns.insert("_sysTime".to_owned(), json!(timestamp::format(context.now)));
    Ok(Event { time, columns })
}

/// Objects become dotted columns; arrays stay whole, and so do declared map fields.
fn flatten(prefix: &str, fields: Map<String, Value>, map_fields: &[String], columns: &mut Map<String, Value>) {
    for (key, value) in fields {
        let mut name = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
        if RESERVED.contains(&name.as_str()) {
            name = format!("_user_{name}");
        }
        match value {
            Value::Object(inner) if !map_fields.contains(&name) => flatten(&name, inner, map_fields, columns),
            value => drop(columns.insert(name, value)),
        }
    }
}

fn shorten(value: &mut Value, rules: &Rules) -> Result<(), Flaw> {
    match value {
        Value::String(text) if text.len() > rules.value_bytes => match rules.long_value {
            LongValue::Replace => *value = json!("<invalid string: too long>"),
            LongValue::RefuseRequest => return Err(Flaw::Request("string is too long".to_owned())),
        },
        Value::Array(items) => items.iter_mut().try_for_each(|item| shorten(item, rules))?,
        Value::Object(fields) => fields.values_mut().try_for_each(|item| shorten(item, rules))?,
        _ => {}
    }
    Ok(())
}

/// The value of `timestamp-field`, else `_time`, else the time of ingest.
fn event_time(columns: &mut Map<String, Value>, context: &Context, rules: &Rules) -> Result<i64, String> {
    let named =
        context.timestamp_field.as_ref().and_then(|field| columns.get(field).cloned().map(|value| (field, value)));
    let time = match (named, columns.get("_time")) {
        (Some((field, value)), _) => {
            if !rules.keep_timestamp_field {
                columns.remove(field);
            }
            timestamp::parse(&value, context.timestamp_format.as_deref())?
        }
        (None, Some(value)) => timestamp::parse(value, context.timestamp_format.as_deref())?,
        (None, None) => context.now,
    };
    if let Some((past, future)) = rules.time_window {
        let age = i128::from(context.now) - i128::from(time);
        if age > past.as_nanos().cast_signed() || -age > future.as_nanos().cast_signed() {
            return Err(format!("timestamp {} is out of range", timestamp::format(time)));
        }
    }
    Ok(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_767_323_045_000_000_000;

    fn stored(raw: &str, context: Context, rules: &Rules) -> Result<Value, Flaw> {
        let fields = parse(raw.as_bytes(), rules.depth).map_err(Flaw::Row)?;
        let context = Context { now: NOW, ..context };
        let mut columns = admit(fields, &context, rules)?.columns;
        assert_eq!(columns.remove("_sysTime"), Some(json!("2026-01-02T03:04:05Z")));
        Ok(Value::Object(columns))
    }

    #[test]
    fn columns() {
        let check = |raw: &str, expected: Value| {
            let context = Context { map_fields: vec!["map".to_owned()], ..Context::default() };
            let rules = Rules { value_bytes: 25, depth: 3, ..Rules::default() };
            assert_eq!(stored(raw, context, &rules), Ok(expected), "{raw}");
        };
        let now = "2026-01-02T03:04:05Z";
        check(r#"{"a":1,"b":{"c":[1,{"d":2}]}}"#, json!({"a": 1, "b.c": [1, null], "_time": now}));
        check(r#"{"map":{"x":{"y":1}},"e":{}}"#, json!({"map": {"x": {"y": 1}}, "_time": now}));
        check(
            r#"{"_source":1,"_sysTime":2,"x":{"_rowID":3}}"#,
            json!({"_user__source": 1, "_user__sysTime": 2, "x._rowID": 3, "_time": now}),
        );
        check(r#"{"a":"12345678901234567890123456"}"#, json!({"a": "<invalid string: too long>", "_time": now}));
        check(r#"{"a":{"b":{"c":{"d":"}\"]"}}},"f":1}"#, json!({"a.b.c": null, "f": 1, "_time": now}));
        check(
            r#"{"a":NaN,"b":[-Infinity,1e999],"c":"\"NaN","d":1}"#,
            json!({"a": null, "b": [null, null], "c": "\"NaN", "d": 1, "_time": now}),
        );
        check(r#"{"_time":"2026-01-01T00:00:00+01:00"}"#, json!({"_time": "2025-12-31T23:00:00Z"}));
    }

    #[test]
    fn the_named_field_is_the_time() {
        let context = || Context { timestamp_field: Some("t".to_owned()), ..Context::default() };
        let raw = r#"{"t":"2026-01-01T00:00:00Z","_time":5}"#;
        let kept = stored(raw, context(), &Rules::default());
        assert_eq!(kept, Ok(json!({"t": "2026-01-01T00:00:00Z", "_time": "2026-01-01T00:00:00Z"})));
        let moved = stored(raw, context(), &Rules { keep_timestamp_field: false, ..Rules::default() });
        assert_eq!(moved, Ok(json!({"_time": "2026-01-01T00:00:00Z"})));
    }

    #[test]
    fn flaws() {
        let rules = Rules { value_bytes: 4, long_value: LongValue::RefuseRequest, name_bytes: 5, ..Rules::default() };
        let check =
            |raw: &str, expected: Flaw| assert_eq!(stored(raw, Context::default(), &rules), Err(expected), "{raw}");
        check(r#"{"a":["12345"]}"#, Flaw::Request("string is too long".to_owned()));
        check(r#"{"abcdef":1}"#, Flaw::Row("field name of 6 bytes is too long".to_owned()));
        check(r#"{"_time":"no"}"#, Flaw::Row("invalid timestamp \"no\"".to_owned()));
        check("[1]", Flaw::Row("event is not a JSON object".to_owned()));
        assert!(matches!(stored(r#"{"a":nan-}"#, Context::default(), &rules), Err(Flaw::Row(_))));
    }

    #[test]
    fn nesting_of_any_depth_is_cut() {
        let raw = format!("{{\"a\":{}1{},\"b\":2}}", "[".repeat(100_000), "]".repeat(100_000));
        let fields = parse(raw.as_bytes(), 100).expect("deep arrays are cut, not refused");
        assert_eq!(fields["b"], 2);
    }
}
