//! What queries answer: shapes, cells, and what of the tables is there.

use rig::hunting::{Kind, Options, Table};
use serde_json::{Value, json};

use super::{GRAPH, ask, ask_security, post, send, start};

/// A table with a column of each type, one row full and one empty.
fn types() -> Table {
    let columns = [
        ("Timestamp", Kind::DateTime),
        ("Text", Kind::String),
        ("Number", Kind::Long),
        ("Small", Kind::Int),
        ("Real", Kind::Real),
        ("Flag", Kind::Bool),
        ("Dynamic", Kind::Dynamic),
        ("Id", Kind::Guid),
    ];
    let rows = [
        json!({
            "Timestamp": "2026-01-31T00:00:00.1200000Z", "Text": "a \"b\"", "Number": 9_007_199_254_740_993_i64, "Small": 4,
            "Real": 1.5, "Flag": true, "Dynamic": {"a": [1, {"b": null}]}, "Id": "74be27de-1e4e-49d9-b579-fe0b331d3642",
        }),
        json!({"Timestamp": "2026-01-31T00:00:01Z"}),
    ];
    Table::new("Types", &columns).rows(&rows).expect("rows of the table")
}

#[tokio::test]
async fn cells_and_schema_of_microsoft_graph() {
    let service = start(Options::default()).await;
    service.add(types());
    let answer = ask(&service, "Types").await;
    let names = ["Timestamp", "Text", "Number", "Small", "Real", "Flag", "Dynamic", "Id"];
    let types = ["DateTime", "String", "Int64", "Int32", "Double", "SByte", "Object", "Guid"];
    let schema: Value = names.iter().zip(types).map(|(name, kind)| json!({"name": name, "type": kind})).collect();
    let full = json!({
        "Timestamp": "2026-01-31T00:00:00.12Z", "Text": "a \"b\"", "Number": 9_007_199_254_740_993_i64, "Small": 4, "Real": 1.5,
        "Flag": true, "Dynamic": {"a": [1, {"b": null}]}, "Id": "74be27de-1e4e-49d9-b579-fe0b331d3642",
    });
    let empty = json!({
        "Timestamp": "2026-01-31T00:00:01Z", "Text": "", "Number": null, "Small": null, "Real": null, "Flag": null,
        "Dynamic": null, "Id": null,
    });
    assert_eq!(answer.json(), json!({"schema": schema, "results": [full, empty]}));
    let text = String::from_utf8(answer.body).expect("text");
    assert!(text.contains("9007199254740993"), "large numbers keep all their digits: {text}");
}

#[tokio::test]
async fn the_older_call_and_the_other_cases() {
    let service = start(Options { bits: true, pascal_case: true, ..Options::default() }).await;
    service.add(types());
    let query = "Types | where Number > 0 | project Timestamp, Flag";
    let older = ask_security(&service, query).await.json();
    let keys: Vec<_> = older.as_object().expect("an object").keys().cloned().collect();
    assert_eq!(keys, ["Results", "Schema", "Stats"]);
    let schema = json!([{"Name": "Timestamp", "Type": "DateTime"}, {"Name": "Flag", "Type": "SByte"}]);
    let rows = json!([{"Timestamp": "2026-01-31T00:00:00.12Z", "Flag": 1}]);
    assert_eq!((&older["Schema"], &older["Results"]), (&schema, &rows));
    assert_eq!(older["Stats"]["dataset_statistics"][0]["table_row_count"], json!(1));
    assert_eq!(ask(&service, query).await.json(), json!({"schema": schema, "results": rows}));
}

#[tokio::test]
async fn only_the_last_thirty_days_are_there() {
    let service = start(Options::default()).await;
    let rows = [
        json!({"Timestamp": "2026-01-01T23:59:59.9999999Z", "N": 100}),
        json!({"Timestamp": "2026-01-02T00:00:00Z", "N": 101}),
    ];
    service.append_values("DeviceEvents", &rows).expect("rows of the table");
    assert_eq!(ask(&service, "DeviceEvents | where N >= 100 | project N").await.numbers(), [101]);
    service.set_now("2026-01-31T23:59:59Z").expect("a time");
    assert_eq!(ask(&service, "DeviceEvents | where N >= 100 | project N").await.numbers(), [100, 101]);
    service.set_now("2026-03-02T00:00:00.0000004Z").expect("a time");
    assert_eq!(ask(&service, "DeviceEvents").await.numbers(), [4, 5, 6, 7, 8, 9]);
    assert_eq!(ask(&service, "DeviceEvents | where Timestamp > ago(30d)").await.numbers(), [5, 6, 7, 8, 9]);
    assert!(service.set_now("soon").is_err());
}

#[tokio::test]
async fn a_timespan_narrows() {
    let service = start(Options::default()).await;
    let ask = async |timespan: &str| {
        let body = json!({"Query": "DeviceEvents", "Timespan": timespan});
        send(post(&service, GRAPH, body).await).await.expect("an answer").numbers()
    };
    assert_eq!(ask("2026-01-31T00:00:00.0000007Z/2026-02-01").await, [7, 8, 9]);
    assert_eq!(ask("P1D").await.len(), 10);
    assert_eq!(ask("PT1H").await, [0_i64; 0]);
    assert_eq!(ask("P90D").await.len(), 10, "it never widens");
    let timespans: Vec<_> = service.requests().into_iter().filter_map(|request| request.timespan).collect();
    assert_eq!(timespans[1..], ["P1D", "PT1H", "P90D"]);
}

#[tokio::test]
async fn tables_of_current_state() {
    let service = start(Options::default()).await;
    let name = "DeviceTvmSoftwareInventory";
    let row = |device: &str, software: &str| json!({"DeviceId": device, "SoftwareName": software});
    service.append_values(name, &[row("b", "x"), row("a", "x")]).expect("rows of the table");
    let all = async || ask(&service, name).await.rows();
    assert_eq!(all().await, json!([row("b", "x"), row("a", "x")]), "as they came, whatever the time is");
    service.set_now("2030-01-01").expect("a time");
    assert_eq!(all().await.as_array().map(Vec::len), Some(2));
    service.replace(name, &[row("c", "y")]).expect("rows of the table");
    assert_eq!((all().await, service.rows(name)), (json!([row("c", "y")]), 1));
    assert!(service.replace("Other", &[]).is_err());
}

#[tokio::test]
async fn the_time_of_ingestion() {
    let service = start(Options::default()).await;
    let late = json!({"Timestamp": "2026-01-30T00:00:00Z", "N": 50});
    service.append_values_at("DeviceEvents", &[late], "2026-01-31T12:00:00Z").expect("rows of the table");
    let query = "DeviceEvents | where ingestion_time() > datetime(2026-01-31T01:00:00Z)";
    assert_eq!(ask(&service, query).await.numbers(), [50]);
    let query = "DeviceEvents | summarize Rows = count(), Last = max(ingestion_time())";
    assert_eq!(ask(&service, query).await.rows(), json!([{"Rows": 11, "Last": "2026-01-31T12:00:00Z"}]));
}

#[tokio::test]
async fn queries_that_are_not_understood() {
    let service = start(Options::default()).await;
    let syntax = ask(&service, "DeviceEvents frobnicate").await;
    let message = "Query could not be parsed at 'frobnicate' on line [1,13]";
    assert_eq!((syntax.status, syntax.code(), syntax.message()), (400, "BadRequest".to_owned(), message.to_owned()));
    assert!(syntax.json()["error"]["innerError"]["request-id"].is_string(), "{}", syntax.json());
    let semantic = ask_security(&service, "DeviceEvents | where Foo == 1").await;
    let message = "'where' operator: Failed to resolve column or scalar expression named 'Foo'";
    assert_eq!((semantic.status, semantic.message()), (400, message.to_owned()));
    assert!(semantic.json()["error"]["target"].is_string(), "{}", semantic.json());
    let table = ask(&service, "Nothing | count").await;
    assert_eq!(table.message(), "'count' operator: Failed to resolve table or column expression named 'Nothing'");
}
