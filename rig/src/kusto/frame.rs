//! Replies of the first and the second version.

use serde_json::{Value as Json, json};

use crate::kql::Kind;
use crate::kql::write::{Form, Nested};
use crate::kql::{Relation, ticks};
use crate::reply::{Reply, guid};

/// The table of a management command's reply.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Listing {
    columns: Vec<(&'static str, Kind)>,
    rows: Vec<Vec<Json>>,
}

impl Listing {
    pub(crate) fn new(columns: &[(&'static str, Kind)], rows: Vec<Vec<Json>>) -> Self {
        Self { columns: columns.to_vec(), rows }
    }

    /// The same where all columns are text.
    pub(crate) fn texts(columns: &[&'static str], rows: Vec<Vec<Json>>) -> Self {
        Self { columns: columns.iter().map(|name| (*name, Kind::String)).collect(), rows }
    }

    pub(crate) fn reply(&self) -> Json {
        let columns: Vec<_> = self.columns.iter().map(|(name, kind)| first(name, *kind)).collect();
        json!({"Tables": [{"TableName": "Table_0", "Columns": columns, "Rows": self.rows}]})
    }
}

/// A column as the first version has it.
fn first(name: &str, kind: Kind) -> Json {
    let (csl, dotnet) = kind.names();
    let dotnet = dotnet.rsplit_once('.').map_or(dotnet, |(_, name)| name);
    json!({"ColumnName": name, "DataType": dotnet, "ColumnType": csl})
}

/// The reply of a query, first version: dynamic values are text.
pub(crate) fn query_first(relation: &Relation) -> Reply {
    let columns: Json = relation.scope.visible.iter().map(|column| first(&column.name, column.kind)).collect();
    let form = Form::of(relation);
    let mut body = format!("{{\"Tables\":[{{\"TableName\":\"Table_0\",\"Columns\":{columns},\"Rows\":");
    rows(relation, &mut body, |row, out| form.write(row, out));
    body.push_str("}]}");
    Reply::raw(200, body)
}

/// The columns of a table of the second version: name and type.
type Columns<'a> = &'a [(&'a str, &'a str)];

/// What a query says of itself before its rows.
const PROPERTIES: Columns = &[("TableId", "int"), ("Key", "string"), ("Value", "dynamic")];

/// What it says after them.
const COMPLETION: Columns = &[
    ("Timestamp", "datetime"),
    ("ClientRequestId", "string"),
    ("ActivityId", "guid"),
    ("SubActivityId", "guid"),
    ("ParentActivityId", "guid"),
    ("Level", "int"),
    ("LevelName", "string"),
    ("StatusCode", "int"),
    ("StatusCodeName", "string"),
    ("EventType", "int"),
    ("EventTypeName", "string"),
    ("Payload", "string"),
];

/// The reply of a query, second version: frames, and dynamic values are JSON. Clients that read as it comes need the keys in this order.
pub(crate) fn query_second(relation: &Relation, client_request: &str) -> Reply {
    let mut body = "[{\"FrameType\":\"DataSetHeader\",\"IsProgressive\":false,\"Version\":\"v2.0\"},\r\n".to_owned();
    body.push_str(&data_table(0, "QueryProperties", "@ExtendedProperties", PROPERTIES));
    body.push_str(&json!([[1, "Visualization", "{\"Visualization\":null,\"Title\":null}"]]).to_string());
    body.push_str("},\r\n");
    let visible = relation.scope.visible.iter().map(|column| (column.name.as_str(), column.kind.names().0));
    body.push_str(&data_table(1, "PrimaryResult", "PrimaryResult", &visible.collect::<Vec<_>>()));
    let form = Nested::arrays(relation);
    rows(relation, &mut body, |row, out| form.write(row, out));
    body.push_str("},\r\n");
    let information = "QueryCompletionInformation";
    body.push_str(&data_table(2, information, information, COMPLETION));
    let (now, payload) = (ticks::format(ticks::now()), "{\"Count\":1,\"Text\":\"Query completed successfully\"}");
    let completion =
        json!([[now, client_request, guid(), guid(), guid(), 4, "Info", 0, "S_OK (0)", 4, "QueryInfo", payload]]);
    body.push_str(&completion.to_string());
    body.push_str("},\r\n{\"FrameType\":\"DataSetCompletion\",\"HasErrors\":false,\"Cancelled\":false}]");
    Reply::raw(200, body)
}

/// A table's frame up to its rows.
fn data_table(id: u8, kind: &str, name: &str, columns: Columns) -> String {
    let columns: Json = columns.iter().map(|(name, kind)| json!({"ColumnName": name, "ColumnType": kind})).collect();
    format!(
        "{{\"FrameType\":\"DataTable\",\"TableId\":{id},\"TableKind\":\"{kind}\",\"TableName\":\"{name}\",\
         \"Columns\":{columns},\"Rows\":"
    )
}

fn rows(relation: &Relation, out: &mut String, write: impl Fn(&crate::kql::Row, &mut String)) {
    out.push('[');
    for (index, row) in relation.rows.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write(row, out);
    }
    out.push(']');
}
