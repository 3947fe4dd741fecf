//! Azure's own Python client and its managed identity, over TLS. They are installed on first use, from the lock file.

use rig::loganalytics::{Fault, Given, Kind, LogAnalytics, Options, Table};
use rig::{npm, pip};
use serde_json::{Value, json};
use tokio::process::Command;

const FOLDER: &str = "rig/tests/loganalytics_clients/python";

/// A column of each type, one row full and one empty; and a table with more rows than a reply may have.
async fn served() -> LogAnalytics {
    let service = LogAnalytics::start(Options { rows_max: 3, ..Options::default() }).await.expect("start the stand-in");
    let columns = [
        ("TimeGenerated", Kind::DateTime),
        ("Bool", Kind::Bool),
        ("Guid", Kind::Guid),
        ("Int", Kind::Int),
        ("Long", Kind::Long),
        ("Real", Kind::Real),
        ("String", Kind::String),
        ("Timespan", Kind::Timespan),
        ("Decimal", Kind::Decimal),
        ("Dynamic", Kind::Dynamic),
    ];
    let rows = [
        json!({
            "TimeGenerated": "2026-01-01T12:00:00.1200000Z", "Bool": true, "Guid": "74be27de-1e4e-49d9-b579-fe0b331d3642",
            "Int": 12, "Long": 9_007_199_254_740_993_i64, "Real": 1.5, "String": "a \"b\" ü\n", "Timespan": "00:00:10",
            "Decimal": "0.10101", "Dynamic": {"a": [1, {"b": null}]},
        }),
        json!({"TimeGenerated": "2026-01-01T12:00:01.0000000Z"}),
    ];
    service.add(Table::new("Types_CL", &columns).rows(&rows).expect("rows of the table"));
    let rows: Vec<_> =
        (0..4).map(|n| json!({"TimeGenerated": format!("2026-01-01T00:00:00.00{n}0000Z"), "N": n})).collect();
    service.add(Table::of("Many_CL", &rows).expect("rows of the table"));
    service
}

async fn run(service: &LogAnalytics) -> Value {
    let interpreter = pip::install(FOLDER).await.expect("install the client");
    let mut python = Command::new(interpreter);
    python.arg(npm::workspace().join(FOLDER).join("client.py")).kill_on_drop(true);
    python.envs(service.settings()).env("LOG_ANALYTICS_URL", service.tls_url());
    let output = python.env("REQUESTS_CA_BUNDLE", service.ca_path()).output().await.expect("run the client");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("one line of JSON")
}

#[tokio::test]
async fn everything_it_does() {
    let service = served().await;
    service.faults().only(Some("Many_CL | count"));
    service.faults().script([Fault::Refuse {
        status: 429,
        code: "ThrottledError".into(),
        message: "Rate limit is exceeded".into(),
        retry_after: Some(1),
    }]);
    let saw = run(&service).await;

    let types = ["datetime", "bool", "guid", "int", "long", "real", "string", "timespan", "decimal", "dynamic"];
    assert_eq!((&saw["types"][0]["name"], &saw["types"][0]["types"]), (&json!("PrimaryResult"), &json!(types)));
    let full = json!([
        "datetime 2026-01-01 12:00:00.120000+00:00",
        true,
        "74be27de-1e4e-49d9-b579-fe0b331d3642",
        12,
        9_007_199_254_740_993_i64,
        1.5,
        "a \"b\" ü\n",
        "00:00:10",
        "0.10101",
        "{\"a\":[1,{\"b\":null}]}",
    ]);
    // The client makes texts of guids and durations, of those that are null too.
    let empty = json!(["datetime 2026-01-01 12:00:01+00:00", null, "None", null, null, null, "", "None", null, null]);
    assert_eq!(saw["types"][0]["rows"], json!([full, empty]));
    assert_eq!((&saw["empty"][0]["rows"], &saw["empty"][0]["types"]), (&json!([]), &json!(["long"])));

    let partial = &saw["partial"];
    assert_eq!(
        (&partial["kind"], &partial["code"]),
        (&json!("LogsQueryPartialResult"), &json!("PartialError")),
        "{saw}"
    );
    assert_eq!(partial["rows"][0]["rows"], json!([[0], [1], [2]]));
    let detail = partial["details"][0]["innererror"]["message"].as_str().unwrap_or_default();
    assert!(detail.contains("count limit 3 (E_QUERY_RESULT_SET_TOO_LARGE"), "{partial}");

    let (syntax, semantic) = (&saw["syntax"], &saw["semantic"]);
    assert_eq!((&syntax["status"], &syntax["code"]), (&json!(400), &json!("BadArgumentError")), "{saw}");
    assert!(syntax.to_string().contains("Query could not be parsed at 'invalid' on line [1,11]"), "{syntax}");
    assert!(semantic.to_string().contains("Failed to resolve column or scalar expression named 'Foo'"), "{semantic}");

    assert_eq!((&saw["statistics"], &saw["visualization"]), (&json!({"total": 2, "scanned": 2}), &json!(null)));
    assert_eq!(saw["spans"], json!([[], [[0], [1]], [[1], [2]]]), "both ends are in the range");
    assert_eq!((&saw["again"], service.faults().unused()), (&json!([[4]]), 0));
    let given = Given { resource: "https://api.loganalytics.io".into(), client_id: None };
    assert_eq!(service.identity().given(), [given], "one token serves them all");
    let wait: Vec<_> = service.requests().iter().filter_map(|request| request.wait).collect();
    assert_eq!(wait, [600]);
}
