//! Queries, in both versions.

use rig::kusto::{Kind, Options};
use serde_json::{Value, json};

use super::{DATABASE, TABLE, ask, manage, post, send, start};

/// A stand-in with rows in its table.
async fn served() -> rig::kusto::Kusto {
    let service = start(Options::default()).await;
    manage(&service, &format!(".alter table {TABLE} policy streamingingestion enable")).await.rows();
    let path = format!("/v1/rest/ingest/{DATABASE}/{TABLE}?streamFormat=json&mappingName=DynamicJsonMap");
    let body = "{\"N\":1}\n{\"N\":2,\"Deep\":{\"a\":[null]}}\n";
    assert_eq!(send(post(&service, &path).await.body(body)).await.expect("an answer").status, 200);
    service
}

/// The frame of a kind.
fn frame(frames: &Value, kind: &str) -> Value {
    let frames = frames.as_array().expect("frames");
    frames.iter().find(|frame| frame["TableKind"] == kind || frame["FrameType"] == kind).expect(kind).clone()
}

#[tokio::test]
async fn frames() {
    let service = served().await;
    let frames = ask(&service, TABLE).await.json();
    let kinds: Vec<_> = frames.as_array().expect("frames").iter().map(|frame| frame["FrameType"].clone()).collect();
    assert_eq!(kinds, ["DataSetHeader", "DataTable", "DataTable", "DataTable", "DataSetCompletion"]);
    assert_eq!(frames[0], json!({"FrameType": "DataSetHeader", "IsProgressive": false, "Version": "v2.0"}));
    let primary = frame(&frames, "PrimaryResult");
    assert_eq!(primary["Columns"], json!([{"ColumnName": "Records", "ColumnType": "dynamic"}]));
    assert_eq!(primary["Rows"], json!([[{"N": 1}], [{"N": 2, "Deep": {"a": [null]}}]]));
    assert_eq!(frame(&frames, "QueryCompletionInformation")["Rows"][0][5], json!(4));
    assert_eq!(frame(&frames, "DataSetCompletion")["HasErrors"], json!(false));
}

#[tokio::test]
async fn the_first_version() {
    let service = served().await;
    let body = json!({"csl": format!("{TABLE} | take 1"), "db": DATABASE});
    let answer = send(post(&service, "/v1/rest/query").await.json(&body)).await.expect("an answer");
    assert_eq!(answer.json()["Tables"][0]["Columns"][0]["DataType"], json!("Object"));
    assert_eq!(answer.rows(), json!([["{\"N\":1}"]]), "dynamic values are text");
}

#[tokio::test]
async fn the_engine_answers() {
    let service = served().await;
    let rows = async |query: &str| frame(&ask(&service, query).await.json(), "PrimaryResult")["Rows"].clone();
    assert_eq!(rows(&format!("{TABLE} | count")).await, json!([[2]]));
    assert_eq!(rows(&format!("{TABLE} | where ingestion_time() > ago(1h) | count")).await, json!([[2]]));
    assert_eq!(rows(&format!("['{TABLE}'] | where tostring(Records) contains 'deep' | count")).await, json!([[1]]));
    service.table(DATABASE, TABLE, &[("Later", Kind::Long)]).expect("a further column");
    assert_eq!(rows(&format!("{TABLE} | take 1")).await, json!([[{"N": 1}, null]]));
    assert_eq!(service.rows(DATABASE, TABLE)[0], json!({"Records": {"N": 1}, "Later": null}));
    assert!(service.rows(DATABASE, "Nothing").is_empty() && service.rows("Nothing", TABLE).is_empty());
}

#[tokio::test]
async fn queries_that_are_not_understood() {
    let service = served().await;
    let semantic = ask(&service, &format!("{TABLE} | where Foo == 1")).await;
    assert_eq!((semantic.status, semantic.code()), (400, "General_BadRequest".to_owned()));
    assert!(
        semantic.message().starts_with("Semantic error: SEM0100: 'where' operator: Failed to resolve"),
        "{}",
        semantic.message()
    );
    let syntax = ask(&service, &format!("{TABLE} frobnicate")).await;
    assert!(
        syntax.message().starts_with("Syntax error: ") && syntax.message().ends_with("on line [1,10]"),
        "{}",
        syntax.message()
    );
}
