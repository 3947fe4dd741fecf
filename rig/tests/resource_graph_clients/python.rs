//! Azure's own Python client and its managed identity, over TLS. They are installed on first use, from the lock file.

use rig::resource_graph::{Fault, Given, Options, ResourceGraph};
use rig::{npm, pip};
use serde_json::{Value, json};
use tokio::process::Command;

use super::{ONE, alert, start};

const FOLDER: &str = "rig/tests/resource_graph_clients/python";

async fn run(service: &ResourceGraph) -> Value {
    let interpreter = pip::install(FOLDER).await.expect("install the client");
    let mut python = Command::new(interpreter);
    python.arg(npm::workspace().join(FOLDER).join("client.py")).kill_on_drop(true);
    python.envs(service.settings()).env("RESOURCE_GRAPH_URL", service.tls_url()).env("SUBSCRIPTION", ONE);
    let output = python.env("REQUESTS_CA_BUNDLE", service.ca_path()).output().await.expect("run the client");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("one line of JSON")
}

#[tokio::test]
async fn everything_it_does() {
    let service = start(Options { rate: 100, bytes_max: 20_000, ..Options::default() }).await;
    let large = json!({"id": "/z", "name": "large", "type": "other", "properties": {"text": "x".repeat(20_000)}});
    service.add([large.to_string()]).expect("a record");
    service.faults().only(Some("| count"));
    service.faults().script([Fault::Refuse {
        status: 429,
        code: "RateLimiting".into(),
        message: "throttled".into(),
        retry_after: Some(1),
    }]);
    let saw = run(&service).await;

    assert_eq!(saw["first"], json!([[0, 2, 4], 10, "false", true, []]), "by id, and those begin with the subscription");
    assert_eq!(saw["quota"], json!(["99", "00:00:05"]));
    let pages = [json!([0, 2, 4, 6]), json!([8, 1, 3, 5]), json!([7, 9])];
    assert_eq!(saw["pages"], json!({"pages": pages, "total": 10, "truncated": "false"}));
    assert_eq!(saw["default"]["pages"], json!([[0, 2, 4, 6, 8, 1, 3, 5, 7, 9]]));
    assert_eq!((&saw["larger"], &saw["elsewhere"]), (&json!([6, 8, 1, 3, 5]), &json!([7, 9])));
    assert_eq!((&saw["skip"], &saw["subscription"]), (&json!([5, 7]), &json!([0, 2, 4, 6, 8])));
    assert_eq!((&saw["group"], &saw["taken"]), (&json!([1, 3, 5, 7, 9]), &json!([[0, 2, 4], 5, "true", null])));
    assert_eq!(saw["record"], serde_json::from_str::<Value>(&alert(0)).expect("a record"));

    for (what, detail) in [
        ("syntax", "ParserFailure"),
        ("semantic", "InvalidQuery"),
        ("table", "InvalidQuery"),
        ("foreign token", "InvalidSkipToken"),
        ("large", "ResponsePayloadTooLarge"),
    ] {
        let refused = &saw[what];
        assert_eq!((&refused["status"], &refused["code"]), (&json!(400), &json!("BadRequest")), "{what}: {refused}");
        let details = refused["details"].as_array().expect("details");
        assert_eq!(details.last(), Some(&json!(detail)), "{what}: {refused}");
    }
    assert_eq!((&saw["again"], service.faults().unused()), (&json!([{"Count": 11}]), 0));
    let given = Given { resource: "https://management.azure.com".into(), client_id: None };
    assert_eq!(service.identity().given(), [given], "one token serves them all");
}
