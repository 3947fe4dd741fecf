//! Answers queries from what was committed, in the tabular form.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::apl::{self, Aggregate, Apl, Filter, Function};
use super::dataset::{Dataset, type_of};
use super::fault::Refusal;
use super::options::Inspect;
use super::reply::Reply;
use super::server::{Call, Shared};
use super::timestamp;

/// The rows that a query sees: the visible ones within its time range.
struct Seen<'a> {
    dataset: &'a Dataset,
    /// Rows by bin; all in bin 0 without bins.
    bins: BTreeMap<i64, Vec<usize>>,
    /// Rows that are visible at all.
    visible: usize,
}

/// Serves one query.
pub(crate) fn query(shared: &Shared, call: &Call) -> Result<Reply, Refusal> {
    if let Some(refusal) = shared.faults.query_refusal() {
        return Err(refusal);
    }
    let store = shared.store();
    store.tokens.rights(&call.headers, call.edge, shared.options.rules.unknown_token)?.may_query()?;
    if !matches!(call.parameter("format"), None | Some("tabular")) {
        return Err(Refusal::new(400, "format is not supported"));
    }
    let request: Map<String, Value> =
        serde_json::from_slice(&call.body).map_err(|error| Refusal::new(400, format!("invalid request: {error}")))?;
    let apl = match apl::parse(request.get("apl").and_then(Value::as_str).unwrap_or_default()) {
        Ok(apl) => apl,
        Err(message) => return Ok(refused(&message)),
    };
    let range = bound(&request, "startTime").and_then(|start| Ok((start, bound(&request, "endTime")?)));
    let Some(dataset) = store.datasets.get(&apl.dataset) else {
        return Err(Refusal::new(404, format!("dataset {} not found", apl.dataset)));
    };
    let answer = range.and_then(|range| {
        let seen = see(dataset, &apl, range, shared)?;
        if let Some((names, limit)) = &apl.project {
            return Ok(Reply::json(200, &rows(&seen, &apl, (names, *limit), &Value::Object(request))));
        }
        let columns = columns(&seen, &apl, shared.options.keep_rows)?;
        Ok(Reply::json(200, &table(&seen, &apl, &columns, &Value::Object(request))))
    });
    Ok(answer.unwrap_or_else(|message| refused(&message)).header("X-Axiom-Query-Cost-Gbms", "0"))
}

/// A 400 in the form of query errors.
fn refused(message: &str) -> Reply {
    let detail = json!({"line": 1, "column": 1, "compileErrorCode": "", "errorType": "error", "message": message});
    Reply::json(400, &json!({"code": 400, "message": message, "detail": detail}))
}

/// `startTime` or `endTime`: RFC 3339, `now`, or `now-1h`.
fn bound(request: &Map<String, Value>, key: &str) -> Result<Option<i64>, String> {
    let Some(text) = request.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()) else { return Ok(None) };
    let ago = |back: &str| {
        let (number, unit) = back.split_at(back.len().checked_sub(1)?);
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            "d" => 86_400,
            _ => return None,
        };
        timestamp::now().checked_sub(number.parse::<i64>().ok()?.checked_mul(seconds * 1_000_000_000)?)
    };
    let time = match text.strip_prefix("now") {
        Some("") => Some(timestamp::now()),
        Some(back) => back.strip_prefix('-').and_then(ago),
        None => timestamp::parse_text(text),
    };
    time.map(Some).ok_or_else(|| format!("invalid {key} {text:?}"))
}

/// Start inclusive, end exclusive.
fn see<'a>(
    dataset: &'a Dataset,
    apl: &Apl,
    range: (Option<i64>, Option<i64>),
    shared: &Shared,
) -> Result<Seen<'a>, String> {
    let delay = shared.faults.visibility();
    let old_enough = |commit: &&(tokio::time::Instant, usize)| commit.0.elapsed() >= delay;
    let visible = dataset.commits.iter().rev().find(old_enough).map_or(0, |commit| commit.1);
    let needs_rows = apl.project.is_some() || !apl.filters.is_empty();
    let needs_time =
        needs_rows || apl.bin.is_some() || range != (None, None) || apl.aggregates.iter().any(|a| a.column == "_time");
    if shared.options.inspect == Inspect::Rows {
        // Without a look into the rows there is only their number.
        return if needs_time {
            Err("times are not kept".to_owned())
        } else {
            Ok(Seen { dataset, bins: BTreeMap::new(), visible })
        };
    }
    let mut bins: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
    if apl.bin.is_none() {
        bins.insert(0, Vec::new());
    }
    for (row, &time) in dataset.times.iter().enumerate().take(visible) {
        let within = range.0.is_none_or(|start| time >= start) && range.1.is_none_or(|end| time < end);
        if within && apl.filters.iter().all(|filter| takes(dataset, filter, row)) {
            let bin = apl.bin.map_or(0, |width| time.div_euclid(width) * width);
            bins.entry(bin).or_default().push(row);
        }
    }
    Ok(Seen { dataset, bins, visible })
}

fn takes(dataset: &Dataset, filter: &Filter, row: usize) -> bool {
    match filter {
        Filter::From(time) => dataset.times[row] >= *time,
        Filter::Before(time) => dataset.times[row] < *time,
        Filter::Is(column, text) => {
            dataset.columns.get(row).and_then(|row| row.get(column)?.as_str()) == Some(text.as_str())
        }
    }
}

/// One result column for each aggregate, one cell for each bin.
fn columns(seen: &Seen<'_>, apl: &Apl, kept: bool) -> Result<Vec<Vec<Value>>, String> {
    let counts_only = apl.aggregates.iter().all(|aggregate| aggregate.function == Function::Count);
    if seen.bins.is_empty() && apl.bin.is_none() {
        return if counts_only {
            Ok(vec![vec![json!(seen.visible)]; apl.aggregates.len()])
        } else {
            Err("columns are not kept".to_owned())
        };
    }
    let column = |aggregate: &Aggregate| {
        let has_values = kept || aggregate.function == Function::Count || aggregate.column == "_time";
        let known = has_values
            && (aggregate.column.is_empty()
                || aggregate.column == "_time"
                || seen.dataset.fields.contains_key(&aggregate.column));
        if !known {
            return Err(format!("field {:?} is not known", aggregate.column));
        }
        Ok(seen.bins.values().map(|rows| compute(seen.dataset, aggregate, rows)).collect())
    };
    apl.aggregates.iter().map(column).collect()
}

fn compute(dataset: &Dataset, aggregate: &Aggregate, rows: &[usize]) -> Value {
    if aggregate.function == Function::Count {
        return json!(rows.len());
    }
    let value = |row: &usize| match aggregate.column.as_str() {
        "_time" => Some(json!(timestamp::format(dataset.times[*row]))),
        column => dataset.columns[*row].get(column).cloned().filter(|value| !value.is_null()),
    };
    let values = rows.iter().filter_map(value);
    match aggregate.function {
        Function::Min if aggregate.column == "_time" => extreme_time(rows.iter().map(|row| dataset.times[*row]).min()),
        Function::Max if aggregate.column == "_time" => extreme_time(rows.iter().map(|row| dataset.times[*row]).max()),
        Function::Min => values.min_by(compare).unwrap_or_default(),
        Function::Max => values.max_by(compare).unwrap_or_default(),
        _ => json!(values.map(|value| value.to_string()).collect::<BTreeSet<_>>().len()),
    }
}

fn extreme_time(time: Option<i64>) -> Value {
    time.map(|time| json!(timestamp::format(time))).unwrap_or_default()
}

/// Numbers by size, everything else by its text.
fn compare(one: &Value, other: &Value) -> Ordering {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => one.total_cmp(&other),
        _ => text(one).cmp(&text(other)),
    }
}

/// The answer that shows rows: the newest first, as Axiom does.
fn rows(seen: &Seen<'_>, apl: &Apl, (names, limit): (&[String], usize), request: &Value) -> Value {
    let mut rows: Vec<usize> = seen.bins.values().flatten().copied().collect();
    rows.sort_by_key(|row| std::cmp::Reverse(seen.dataset.times[*row]));
    rows.truncate(limit);
    let cell = |name: &String, row: &usize| match name.as_str() {
        "_time" => json!(timestamp::format(seen.dataset.times[*row])),
        name => seen.dataset.columns.get(*row).and_then(|row| row.get(name)).cloned().unwrap_or_default(),
    };
    let columns: Vec<Vec<Value>> = names.iter().map(|name| rows.iter().map(|row| cell(name, row)).collect()).collect();
    let shown = Apl {
        aggregates: names
            .iter()
            .map(|name| Aggregate { name: name.clone(), function: Function::Max, column: name.clone() })
            .collect(),
        dataset: apl.dataset.clone(),
        filters: Vec::new(),
        bin: None,
        project: None,
    };
    table(seen, &shown, &columns, request)
}

/// The whole answer. Its keys are those that the official clients need.
fn table(seen: &Seen<'_>, apl: &Apl, columns: &[Vec<Value>], request: &Value) -> Value {
    let rows =
        if apl.bin.is_none() && seen.bins.is_empty() { seen.visible } else { seen.bins.values().map(Vec::len).sum() };
    let times: Vec<Value> = seen.bins.keys().map(|bin| json!(timestamp::format(*bin))).collect();
    let kind = |aggregate: &Aggregate, cells: &[Value]| match (aggregate.function, aggregate.column.as_str()) {
        (Function::Count | Function::DistinctCount, _) => "integer",
        (_, "_time") => "datetime",
        _ => cells.iter().find_map(type_of).unwrap_or("string"),
    };
    let mut fields: Vec<Value> = apl
        .aggregates
        .iter()
        .zip(columns)
        .map(|(aggregate, cells)| json!({"name": aggregate.name, "type": kind(aggregate, cells)}))
        .collect();
    let (mut columns, mut groups, mut buckets) = (columns.to_vec(), json!([]), Value::Null);
    if let Some(width) = apl.bin {
        fields.insert(0, json!({"name": "_time", "type": "datetime"}));
        columns.insert(0, times);
        groups = json!([{"name": "_time"}]);
        buckets = json!({"field": "_time", "size": width});
    }
    let bound = |time: Option<&i64>| timestamp::format(time.copied().unwrap_or_default());
    let shown = &seen.dataset.times[..seen.visible.min(seen.dataset.times.len())];
    json!({
        "format": "tabular",
        "status": {
            "elapsedTime": 1, "blocksExamined": 0, "rowsExamined": seen.visible, "rowsMatched": rows,
            "numGroups": if apl.bin.is_some() { seen.bins.len() } else { 0 },
            "isPartial": false, "isEstimate": false, "cacheStatus": 1, "minBlockTime": bound(shown.iter().min()),
            "maxBlockTime": bound(shown.iter().max()), "messages": [], "minCursor": "", "maxCursor": "",
        },
        "tables": [{
            "name": "0", "sources": [{"name": apl.dataset}], "fields": fields, "order": [], "groups": groups, "range": null,
            "buckets": buckets, "columns": columns,
        }],
        "datasetNames": [apl.dataset], "fieldsMetaMap": {}, "request": request,
    })
}
