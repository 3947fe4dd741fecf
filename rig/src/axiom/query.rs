//! Answers queries from what was committed, in the tabular form.

use serde_json::{Map, Value, json};

use super::apl::{self, Apl};
use super::dataset::Dataset;
use super::fault::Refusal;
use super::options::Inspect;
use super::reply::Reply;
use super::server::{Call, Shared};
use super::timestamp;
use crate::kql::timespan::Range;
use crate::kql::write::Nested;
use crate::kql::{self, Plan, QueryError, Relation, Row, Table, Tables};

/// The bounds of a request's time range in nanoseconds: the start belongs to it, the end does not.
type Bounds = (Option<i64>, Option<i64>);

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
        Err(error) => return Ok(refused(&error)),
    };
    let bounds = bound(&request, "startTime").and_then(|start| Ok((start, bound(&request, "endTime")?)));
    let mut tables = Tables::new();
    for name in apl::datasets(&apl.query) {
        let dataset = store.datasets.get(name);
        let dataset = dataset.ok_or_else(|| Refusal::new(404, format!("dataset {name} not found")))?;
        tables.insert(name.to_owned(), see(shared, name, dataset));
    }
    let answer = bounds.and_then(|bounds| {
        let relation = kql::run(&tables, &apl.query, range(shared, bounds)?, Plan::Analytics)?;
        Ok(Reply::json(200, &table(&tables, &apl, &relation, &Value::Object(request))))
    });
    Ok(answer.unwrap_or_else(|error| refused(&error)).header("X-Axiom-Query-Cost-Gbms", "0"))
}

/// A 400 in the form of query errors.
fn refused(error: &QueryError) -> Reply {
    let (message, (line, column)) = (error.message(), error.place());
    let detail = json!({"line": line, "column": column, "compileErrorCode": error.code(), "errorType": "error", "message": message});
    Reply::json(400, &json!({"code": 400, "message": message, "detail": detail}))
}

fn invalid(message: String) -> QueryError {
    QueryError::Request { code: "", message }
}

/// `startTime` or `endTime`: RFC 3339, `now`, or `now-1h`.
fn bound(request: &Map<String, Value>, key: &str) -> Result<Option<i64>, QueryError> {
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
    time.map(Some).ok_or_else(|| invalid(format!("invalid {key} {text:?}")))
}

/// The same in the engine's terms, whose ranges have their end in them.
fn range(shared: &Shared, bounds: Bounds) -> Result<Range, QueryError> {
    if shared.options.inspect == Inspect::Rows && bounds != (None, None) {
        return Err(invalid("times are not kept".to_owned()));
    }
    let (from, to) = (bounds.0.map(apl::at_least), bounds.1.map(|end| apl::at_least(end) - 1));
    Ok(Range { from: from.unwrap_or(i64::MIN), to: to.unwrap_or(i64::MAX) })
}

/// A dataset as a query sees it: what has become visible.
fn see(shared: &Shared, name: &str, dataset: &Dataset) -> Table {
    let delay = shared.faults.visibility();
    let old_enough = |commit: &&(tokio::time::Instant, usize)| commit.0.elapsed() >= delay;
    let visible = dataset.commits.iter().rev().find(old_enough).map_or(0, |commit| commit.1);
    if shared.options.inspect == Inspect::Full {
        return apl::table(name, dataset, visible, shared.options.keep_rows);
    }
    // Without a look into the rows there is only their number.
    let mut table = Table::timeless(name, &[]);
    table.append((0..visible).map(|_| Row::new(0, "", "")));
    table
}

/// The whole answer. Its keys are those that the official clients need.
fn table(tables: &Tables, apl: &Apl, relation: &Relation<'_>, request: &Value) -> Value {
    let (visible, form) = (&relation.scope.visible, Nested::arrays(relation));
    let mut columns = vec![Vec::new(); visible.len()];
    for row in relation.rows.iter() {
        let mut text = String::new();
        form.write(row, &mut text);
        let cells: Vec<Value> = serde_json::from_str(&text).expect("the engine writes JSON");
        columns.iter_mut().zip(cells).for_each(|(column, cell)| column.push(cell));
    }
    let fields: Vec<Value> =
        visible.iter().map(|column| json!({"name": column.name, "type": apl::type_name(column.kind)})).collect();
    let names: Vec<_> = tables.keys().collect();
    let sources: Vec<_> = names.iter().map(|name| json!({"name": name})).collect();
    let groups: Vec<_> = apl.groups.iter().map(|name| json!({"name": name})).collect();
    let number_of_groups = if groups.is_empty() { 0 } else { relation.rows.len() };
    let times = || tables.values().flat_map(Table::times);
    let time = |ticks: Option<i64>| kql::ticks::format(ticks.unwrap_or_default());
    json!({
        "format": "tabular",
        "status": {
            "elapsedTime": 1, "blocksExamined": 0, "rowsExamined": tables.values().map(Table::len).sum::<usize>(),
            "rowsMatched": relation.scanned, "numGroups": number_of_groups, "isPartial": false, "isEstimate": false, "cacheStatus": 1,
            "minBlockTime": time(times().min()), "maxBlockTime": time(times().max()), "messages": [], "minCursor": "", "maxCursor": "",
        },
        "tables": [{
            "name": "0", "sources": sources, "fields": fields, "order": [], "groups": groups, "range": null,
            "buckets": apl.bin.map(|width| json!({"field": "_time", "size": width})), "columns": columns,
        }],
        "datasetNames": names, "fieldsMetaMap": {}, "request": request,
    })
}
