//! Azure's own Python clients and their managed identity. They are installed on first use, from the lock file.

use rig::kusto::{Given, Kind, Kusto, Options};
use rig::{npm, pip};
use serde_json::{Value, json};
use tokio::process::Command;

use super::{DATABASE, start};

const FOLDER: &str = "rig/tests/kusto_clients/python";
const TABLE: &str = "DeviceEventsRaw";

/// A stand-in with a table that has a column of each type, one row full and one empty.
async fn served() -> Kusto {
    let service = start(Options::default()).await;
    let columns = [
        ("Bool", Kind::Bool),
        ("At", Kind::DateTime),
        ("Decimal", Kind::Decimal),
        ("Dynamic", Kind::Dynamic),
        ("Guid", Kind::Guid),
        ("Int", Kind::Int),
        ("Long", Kind::Long),
        ("Real", Kind::Real),
        ("Text", Kind::String),
        ("Span", Kind::Timespan),
    ];
    service.table(DATABASE, "Types", &columns).expect("make the table");
    let entries: Vec<_> =
        columns.iter().map(|(name, _)| json!({"column": name, "Properties": {"Path": format!("$.{name}")}})).collect();
    let mapping = Value::from(entries);
    let commands = [
        format!(".create table Types ingestion json mapping \"All\" '{mapping}'"),
        ".alter table Types policy streamingingestion enable".to_owned(),
    ];
    for command in commands {
        service.manage(DATABASE, &command).expect("a command");
    }
    let full = json!({
        "Bool": true, "At": "2026-01-01T12:00:00.1200000Z", "Decimal": "0.10101", "Dynamic": {"a": [1, {"b": null}]},
        "Guid": "74be27de-1e4e-49d9-b579-fe0b331d3642", "Int": 12, "Long": 9_007_199_254_740_993_i64, "Real": 1.5, "Text": "a \"b\" ü\n",
        "Span": "00:00:10",
    });
    let path = format!("/v1/rest/ingest/{DATABASE}/Types?streamFormat=MultiJSON&mappingName=All");
    let request = super::post(&service, &path).await.body(format!("{full}\n{{}}"));
    assert_eq!(super::send(request).await.expect("an answer").status, 200);
    service
}

async fn run(service: &Kusto, over_tls: bool) -> Value {
    let interpreter = pip::install(FOLDER).await.expect("install the clients");
    let mut python = Command::new(interpreter);
    python.arg(npm::workspace().join(FOLDER).join("client.py")).kill_on_drop(true).envs(service.settings());
    if over_tls {
        python.env("KUSTO_URL", service.tls_url()).env("REQUESTS_CA_BUNDLE", service.ca_path());
    }
    let output = python.output().await.expect("run the clients");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("one line of JSON")
}

fn commands(saw: &Value) {
    assert_eq!(saw["created"][0]["TableName"], json!(TABLE));
    assert_eq!((&saw["mapping"][0]["Name"], &saw["mapping"][0]["Kind"]), (&json!("DynamicJsonMap"), &json!("Json")));
    assert_eq!(saw["tables"].as_array().map(Vec::len), Some(3), "{saw}");
    assert_eq!((&saw["schema"][0]["Schema"], &saw["version"]), (&json!("Records:dynamic"), &json!("Engine")));
    let missing = &saw["no table"];
    assert_eq!((&missing["code"], &missing["permanent"]), (&json!("BadRequest_EntityNotFound"), &json!(true)));
    assert_eq!(saw["no command"]["code"], json!("General_BadRequest"));
}

fn queries(saw: &Value) {
    assert_eq!(saw["rows"], json!({"types": ["dynamic"], "rows": [[{"N": 1, "Text": "ü"}]]}));
    assert_eq!(saw["empty"], json!({"types": ["dynamic"], "rows": []}));
    let types = ["bool", "datetime", "decimal", "dynamic", "guid", "int", "long", "real", "string", "timespan"];
    let full = json!([
        true,
        "2026-01-01 12:00:00.120000+00:00",
        "0.10101",
        {"a": [1, {"b": null}]},
        "74be27de-1e4e-49d9-b579-fe0b331d3642",
        12,
        9_007_199_254_740_993_i64,
        1.5,
        "a \"b\" ü\n",
        "0:00:10",
    ]);
    let empty = json!([null, null, null, null, null, null, null, null, "", null]);
    assert_eq!(saw["types"], json!({"types": types, "rows": [full, empty]}));
    assert_eq!(saw["streamed rows"], json!([[full, empty]]));
    assert_eq!(saw["semantic"]["semantic"], json!(true), "{saw}");
    assert!(saw["syntax"]["text"].as_str().is_some_and(|text| text.contains("[1,16]")), "{saw}");
}

fn ingestions(saw: &Value) {
    assert_eq!(saw["success"], json!([true, TABLE, true]));
    let code = "BadRequest_UnexpectedCharacterInInputStream";
    assert_eq!(saw["failure"], json!([true, code, "Permanent"]));
    assert_eq!(saw["no streaming"]["code"], json!("BadRequest_StreamingIngestionPolicyNotEnabled"));
    assert_eq!(
        (&saw["streamed"], &saw["no mapping"]["code"]),
        (&json!("SUCCESS"), &json!("BadRequest_MappingReferenceWasNotFound"))
    );
    assert_eq!(saw["managed"], json!(["SUCCESS", "QUEUED", "QUEUED"]));
}

#[tokio::test]
async fn everything_they_do() {
    let service = served().await;
    let saw = run(&service, false).await;
    commands(&saw);
    queries(&saw);
    ingestions(&saw);

    let statuses = service.statuses().await.expect("the table of statuses");
    let in_table = saw["in table"].as_array().expect("ids").iter().map(|id| {
        let entry = statuses.iter().find(|entry| entry["IngestionSourceId"] == *id).expect("an entry");
        (entry["Status"].as_str().expect("a status"), entry["ErrorCode"].as_str().unwrap_or_default())
    });
    let expected = [
        ("Succeeded", ""),
        ("Succeeded", ""),
        ("Skipped", "Skipped_IngestByTagAlreadyExists"),
        ("Failed", "BadRequest_MappingReferenceWasNotFound"),
    ];
    assert_eq!(in_table.collect::<Vec<_>>(), expected);
    let mut numbers: Vec<_> =
        service.rows(DATABASE, TABLE).iter().map(|row| row["Records"]["N"].as_i64().expect("a number")).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2, 3, 5, 6, 7, 8, 8]);
    let given = service.identity().given();
    let known = Given { resource: "https://kusto.kusto.windows.net".into(), client_id: None };
    assert!(given.iter().all(|given| *given == known), "the audience is the one of the metadata: {given:?}");
}

#[tokio::test]
async fn the_same_over_tls() {
    let service = served().await;
    let saw = run(&service, true).await;
    commands(&saw);
    queries(&saw);
    ingestions(&saw);
}
