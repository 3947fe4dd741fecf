//! From the rows of a query to the body of an answer, within the limits.

use serde_json::{Value as Json, json};

use super::options::Options;
use super::refusal::Api;
use crate::kql::write::Nested;
use crate::kql::{Kind, Relation};

/// The rows of an answer.
#[derive(Debug)]
pub(crate) struct Answer {
    columns: Vec<(String, Kind)>,
    /// The array of results.
    results: String,
    pub(crate) rows: usize,
    /// Bytes of the rows' text.
    pub(crate) bytes: usize,
    /// Rows of the table in the time range.
    pub(crate) scanned: usize,
    /// Rows that were left out.
    pub(crate) cut: usize,
}

/// The result is larger than it may be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLarge;

impl Answer {
    /// Writes rows until there are as many as there may be.
    pub(crate) fn new(relation: &Relation, options: &Options) -> Result<Self, TooLarge> {
        let form = Nested::objects(relation, options.bits);
        let (mut results, mut rows, mut bytes) = ("[".to_owned(), 0, 0);
        for row in relation.rows.iter().take(options.rows_max) {
            if rows > 0 {
                results.push(',');
            }
            let start = results.len();
            form.write(row, &mut results);
            (rows, bytes) = (rows + 1, bytes + results.len() - start);
            if bytes > options.bytes_max {
                return Err(TooLarge);
            }
        }
        results.push(']');
        let columns = relation.scope.visible.iter().map(|column| (column.name.clone(), column.kind)).collect();
        Ok(Self { columns, results, rows, bytes, scanned: relation.scanned, cut: relation.rows.len() - rows })
    }

    /// The body of a 200.
    pub(crate) fn body(&self, api: Api, options: &Options, seconds: f64) -> String {
        let pascal_case = options.pascal_case || api == Api::Security;
        let (name, kind) = if pascal_case { ("Name", "Type") } else { ("name", "type") };
        let schema = self.columns.iter().map(|(column, of)| json!({name: column, kind: dotnet(*of)})).collect::<Json>();
        match api {
            Api::Graph => format!("{{\"schema\":{schema},\"results\":{}}}", self.results),
            Api::Security => {
                let stats = self.stats(seconds);
                format!("{{\"Stats\":{stats},\"Schema\":{schema},\"Results\":{}}}", self.results)
            }
        }
    }

    fn stats(&self, seconds: f64) -> Json {
        let hits = json!({"hits": 0, "misses": 0, "total": 0});
        json!({
            "ExecutionTime": seconds,
            "resource_usage": {
                "cache": {"memory": hits, "disk": hits},
                "cpu": {"user": "00:00:00", "kernel": "00:00:00", "total cpu": "00:00:00"},
                "memory": {"peak_per_node": self.results.len()},
            },
            "dataset_statistics": [{"table_row_count": self.rows, "table_size": self.bytes}],
        })
    }
}

/// A type's .NET name without its namespace.
fn dotnet(kind: Kind) -> &'static str {
    let (_, name) = kind.names();
    name.rsplit_once('.').map_or(name, |(_, name)| name)
}
