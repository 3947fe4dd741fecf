//! From the rows of a query to the body of an answer, within the limits.

use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use crate::kql::write::Form;
use crate::kql::{Relation, cell};

/// How much one answer may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Rows.
    pub(crate) rows: usize,
    /// Bytes of their text.
    pub(crate) bytes: usize,
}

/// The rows of an answer.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The array `tables`.
    pub(crate) tables: String,
    pub(crate) rows: usize,
    /// Bytes of the rows' text.
    pub(crate) bytes: usize,
    /// Rows of the table in the time range.
    pub(crate) scanned: usize,
    /// Why it is not all, as the service says it.
    pub(crate) partial: Option<String>,
}

impl Answer {
    /// Writes rows until a limit is reached.
    pub(crate) fn new(relation: &Relation, limits: Limits) -> Self {
        let form = Form::of(relation);
        let mut tables = format!("[{{\"name\":\"{}\",\"columns\":[", relation.name);
        for (index, column) in relation.scope.visible.iter().enumerate() {
            let (comma, name) = (if index > 0 { "," } else { "" }, cell::quote(&column.name));
            write!(tables, "{comma}{{\"name\":{name},\"type\":\"{}\"}}", column.kind.names().0)
                .expect("write to memory");
        }
        tables.push_str("],\"rows\":[");
        let (mut rows, mut bytes, mut partial) = (0, 0, None);
        for row in relation.rows.iter() {
            if rows == limits.rows {
                partial = Some(too_many_rows(limits.rows));
                break;
            }
            let before = tables.len();
            if rows > 0 {
                tables.push(',');
            }
            let start = tables.len();
            form.write(row, &mut tables);
            let length = tables.len() - start;
            if bytes + length > limits.bytes {
                tables.truncate(before);
                partial = Some(too_many_bytes(limits.bytes));
                break;
            }
            (rows, bytes) = (rows + 1, bytes + length);
        }
        tables.push_str("]}]");
        Self { tables, rows, bytes, scanned: relation.scanned, partial }
    }
}

/// The service's words for too many rows.
pub(crate) fn too_many_rows(limit: usize) -> String {
    format!(
        "Query result set has exceeded the internal record count limit {limit} \
         (E_QUERY_RESULT_SET_TOO_LARGE; see https://aka.ms/kustoquerylimits)"
    )
}

/// The service's words for too many bytes.
fn too_many_bytes(limit: usize) -> String {
    format!(
        "The results of this query exceed the set limit of {limit} bytes, so not all records were returned \
         (E_QUERY_RESULT_SET_TOO_LARGE, 0x80DA0003, see https://aka.ms/kustoquerylimits for more information and possible solutions)."
    )
}

/// The `error` beside the rows of a 200.
pub(crate) fn partial_error(message: &str) -> Json {
    json!({
        "code": "PartialError",
        "message": "There were some errors when processing your query.",
        "details": [{
            "code": "EngineError",
            "message": "Something went wrong processing your query on the server.",
            "innererror": {"code": "-2133196797", "message": message, "severity": 2, "severityName": "Error"},
        }],
    })
}

/// The `statistics` of a query.
pub(crate) fn statistics(answer: &Answer, seconds: f64) -> Json {
    let none = json!({"hitbytes": 0, "missbytes": 0, "retrievebytes": 0});
    let hits = json!({"hits": 0, "misses": 0, "total": 0});
    json!({"query": {
        "executionTime": seconds,
        "resourceUsage": {
            "cache": {"memory": hits, "disk": hits, "shards": {"hot": none, "cold": none, "bypassbytes": 0}},
            "cpu": {"user": "00:00:00", "kernel": "00:00:00", "totalCpu": "00:00:00"},
            "memory": {"peakPerNode": answer.tables.len()},
            "network": {"interClusterTotalBytes": answer.tables.len(), "crossClusterTotalBytes": 0},
        },
        "inputDatasetStatistics": {
            "extents": {
                "total": 1, "scanned": 1,
                "scannedMinDatetime": "0001-01-01T00:00:00.0000000Z", "scannedMaxDatetime": "0001-01-01T00:00:00.0000000Z",
            },
            "rows": {"total": answer.scanned, "scanned": answer.scanned},
            "rowstores": {"scannedRows": 0, "scannedValuesSize": 0},
            "shards": {"queriesGeneric": 0, "queriesSpecialized": 0},
        },
        "datasetStatistics": [{"tableRowCount": answer.rows, "tableSize": answer.bytes}],
        "crossClusterResourceUsage": {},
    }})
}

/// The `render` of a query that asks for no picture.
pub(crate) fn render() -> Json {
    json!({
        "visualization": null, "title": null, "accumulate": false, "isQuerySorted": false, "kind": null, "legend": null,
        "series": null, "yMin": "NaN", "yMax": "NaN", "xAxis": null, "xColumn": null, "xTitle": null, "yAxis": null,
        "yColumns": null, "ySplit": null, "yTitle": null, "anomalyColumns": null,
    })
}
