//! Tokens, datasets and queries, with a plain HTTP client.

use std::time::Duration;

use reqwest::Method;
use rig::axiom::{Axiom, Inspect, Options, Refusal, Rights, Rules};
use serde_json::{Value, json};

use super::{Answer, DATASET, client, post, send, start};

async fn call(axiom: &Axiom, method: Method, path: &str, body: Value) -> Answer {
    let request = client().request(method, format!("{}{path}", axiom.url())).bearer_auth(axiom.token());
    send(if body.is_null() { request } else { request.json(&body) }).await.expect("an answer")
}

async fn status(axiom: &Axiom, url: String, token: &str, org: Option<&str>, body: &Value) -> u16 {
    assert!(url.starts_with(&axiom.url()) || url.starts_with(&axiom.edge_url()));
    let request =
        client().post(url).bearer_auth(token).header("content-type", "application/json").body(body.to_string());
    let request = match org {
        Some(org) => request.header("x-axiom-org-id", org),
        None => request,
    };
    send(request).await.expect("an answer").status
}

#[tokio::test]
async fn rights() {
    let axiom = start(Options { datasets: Vec::new(), ..Options::default() }).await;
    let (narrow, other) =
        (axiom.add_token(Rights::ingest_only([DATASET])), axiom.add_token(Rights::ingest_only(["other"])));
    let personal = axiom.add_token(Rights::personal("acme"));
    assert!(axiom.token().starts_with("xaat-") && narrow.starts_with("xaat-") && personal.starts_with("xapt-"));
    let (edge, legacy) =
        (format!("{}/v1/ingest/{DATASET}", axiom.edge_url()), format!("{}/v1/datasets/{DATASET}/ingest", axiom.url()));
    let (query, create) = (format!("{}/v1/query/_apl", axiom.edge_url()), format!("{}/v2/datasets", axiom.url()));
    let (row, count) = (json!([{"a": 1}]), json!({"apl": "logs | count"}));
    for (url, token, org, body, expected) in [
        (&edge, axiom.token(), None, &row, 200),
        (&legacy, axiom.token(), None, &row, 200),
        (&edge, "xaat-unknown", None, &row, 401),
        (&edge, narrow.as_str(), None, &row, 200),
        (&edge, &other, None, &row, 403),
        (&legacy, &other, None, &row, 403),
        (&query, &narrow, None, &count, 403),
        (&create, &narrow, None, &json!({"name": "x"}), 403),
        (&edge, &personal, Some("acme"), &row, 403),
        (&legacy, &personal, Some("acme"), &row, 200),
        (&legacy, &personal, Some("other"), &row, 403),
        (&legacy, &personal, None, &row, 403),
        (&create, &personal, Some("acme"), &json!({"name": "x"}), 200),
    ] {
        assert_eq!(status(&axiom, url.clone(), token, org, body).await, expected, "{url} {org:?} {body}");
    }
    let listed = client().get(create).bearer_auth(&narrow);
    assert_eq!(send(listed).await.expect("an answer").json().as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn switches_of_the_front_door() {
    let rules = Rules { unknown_token: 403, orgs_for_api_tokens: false, keep_alive: false, ..Rules::default() };
    let axiom = start(Options { rules, ..Options::default() }).await;
    let ingest = format!("{}/v1/ingest/{DATASET}", axiom.edge_url());
    assert_eq!(status(&axiom, ingest, "xaat-unknown", None, &json!([])).await, 403);
    let orgs = call(&axiom, Method::GET, "/v2/orgs", Value::Null).await;
    assert_eq!((orgs.status, orgs.header("connection")), (403, Some("close")));
}

#[tokio::test]
async fn the_edge_serves_ingest_and_query_alone() {
    let axiom = start(Options::default()).await;
    for path in ["/v2/datasets", "/v1/datasets", "/v1/datasets/_apl", "/v1/datasets/logs/ingest", "/v2/orgs"] {
        let url = format!("{}{path}", axiom.edge_url());
        assert_eq!(status(&axiom, url, axiom.token(), None, &json!([])).await, 404, "{path}");
    }
}

#[tokio::test]
async fn names_and_numbers_of_datasets() {
    let rules = Rules { case_insensitive_names: true, datasets_max: 4, over_datasets: 422, ..Rules::default() };
    for (strict_names, odd_name) in [(false, 200), (true, 400)] {
        let axiom = start(Options { rules: Rules { strict_names, ..rules.clone() }, ..Options::default() }).await;
        for (name, expected) in [
            ("Table_CL", odd_name),
            ("a.b", odd_name),
            ("c-d", 200),
            ("", 400),
            ("-a", 400),
            ("a b", 400),
            ("axiom-x", 400),
            (DATASET, 409),
            ("LOGS", 409),
            (&"x".repeat(129), 400),
        ] {
            let answer = call(&axiom, Method::POST, "/v2/datasets", json!({"name": name})).await;
            assert_eq!(answer.status, expected, "{name:?}: {answer:?}");
        }
        let room = 4 - axiom.datasets().len();
        for n in 0..=room {
            let answer = call(&axiom, Method::POST, "/v1/datasets", json!({"name": format!("more{n}")})).await;
            assert_eq!(answer.status, if n < room { 200 } else { 422 });
        }
    }
}

#[tokio::test]
async fn datasets_have_settings_fields_and_map_fields() {
    let axiom = start(Options::default()).await;
    let request = json!({"name": "kept", "retentionDays": 90, "useRetentionPeriod": true, "edgeDeployment": "cloud.eu-central-1.aws"});
    let created = call(&axiom, Method::POST, "/v2/datasets?referrer=test", request).await.json();
    for key in [
        "id",
        "name",
        "description",
        "created",
        "updatedAt",
        "who",
        "kind",
        "canWrite",
        "edgeDeploymentUrl",
        "mapFields",
        "sharedByOrg",
    ] {
        assert!(!created[key].is_null(), "{key}");
    }
    assert_eq!((&created["retentionDays"], &created["edgeDeployment"]), (&json!(90), &json!("cloud.eu-central-1.aws")));
    let changed =
        call(&axiom, Method::PUT, "/v2/datasets/kept", json!({"retentionDays": 30, "name": "ignored"})).await.json();
    assert_eq!((&changed["retentionDays"], &changed["name"]), (&json!(30), &json!("kept")));

    let map = "/v2/datasets/logs/mapfields";
    assert_eq!(call(&axiom, Method::POST, map, json!({"name": "bag"})).await.json(), json!({"name": "bag"}));
    assert_eq!(send(post(&axiom, "{\"bag\":{\"x\":1,\"y\":2},\"o\":{\"x\":1}}")).await.expect("an answer").status, 200);
    assert_eq!(axiom.fields(DATASET), ["bag", "o.x"]);
    assert_eq!(call(&axiom, Method::PUT, map, json!(["f1", "f2"])).await.json(), json!(["f1", "f2"]));
    assert_eq!(call(&axiom, Method::DELETE, &format!("{map}/f1"), Value::Null).await.status, 204);
    assert_eq!(call(&axiom, Method::GET, map, Value::Null).await.json(), json!(["f2"]));

    let field = call(&axiom, Method::PUT, "/v2/datasets/logs/fields/o.x", json!({"unit": "bytes"})).await.json();
    assert_eq!(field, json!({"name": "o.x", "type": "integer", "description": "", "unit": "bytes", "hidden": false}));
    assert_eq!(call(&axiom, Method::POST, "/v2/datasets/logs/vacuum", Value::Null).await.status, 200);
    assert_eq!(call(&axiom, Method::GET, "/v2/datasets/logs/fields", Value::Null).await.json(), json!([]));
    let again = call(&axiom, Method::POST, "/v2/datasets/logs/vacuum", Value::Null).await;
    assert_eq!((again.status, again.header("Retry-After").is_some_and(|date| date.ends_with("GMT"))), (429, true));
    let license = &call(&axiom, Method::GET, "/v2/orgs", Value::Null).await.json()[0]["license"];
    assert_eq!((&license["maxFields"], &license["maxDatasets"]), (&json!(1024), &json!(100)));
}

/// Queries on the central API and compares the columns, or the status of a refusal.
async fn query(axiom: &Axiom, apl: &str, start: &str, end: &str) -> Result<Value, u16> {
    let body = json!({"apl": apl, "startTime": start, "endTime": end});
    let answer = call(axiom, Method::POST, "/v1/datasets/_apl?format=tabular&nocache=true", body).await;
    let json = answer.json();
    if answer.status == 200 {
        assert_eq!(json["status"]["isPartial"], false);
        return Ok(json["tables"][0]["columns"].clone());
    }
    assert!(json["message"].is_string() && (answer.status != 400 || json["detail"]["line"].is_number()), "{json}");
    Err(answer.status)
}

#[tokio::test]
async fn queries() {
    let axiom = start(Options::default()).await;
    let rows: String =
        (0..4).map(|n| format!("{{\"n\":{n},\"s\":\"x\",\"_time\":\"2026-01-02T0{}:30:00Z\"}}\n", n / 2)).collect();
    assert_eq!(send(post(&axiom, rows)).await.expect("an answer").status, 200);
    let (two, three) = ("2026-01-02T01:00:00Z", "2026-01-02T03:00:00Z");
    for (apl, from, to, expected) in [
        ("logs | count", "", "", Ok(json!([[4]]))),
        ("logs | count", two, three, Ok(json!([[2]]))),
        ("logs | count", "now-1h", "now", Ok(json!([[0]]))),
        ("['logs'] | summarize max(n), dcount(s)", "", "", Ok(json!([[3], [1]]))),
        ("logs | summarize min(_time)", two, "", Ok(json!([["2026-01-02T01:30:00Z"]]))),
        ("logs | summarize n=count() by bin(_time, 1h)", "", "", Ok(json!([["2026-01-02T00:00:00Z", two], [2, 2]]))),
        ("logs | summarize max(unknown)", "", "", Err(400)),
        ("logs | where n == 1 | count", "", "", Ok(json!([[1]]))),
        ("logs | project n | limit 2", two, three, Ok(json!([[2, 3]]))),
        ("logs | where _time < datetime(2026-01-02T01:00:00Z) | project n", "", "", Ok(json!([[0, 1]]))),
        ("logs | mv-expand n", "", "", Err(400)),
        ("logs | count", "whenever", "", Err(400)),
        ("missing | count", "", "", Err(404)),
    ] {
        assert_eq!(query(&axiom, apl, from, to).await, expected, "{apl}");
    }
    axiom.faults().query(Some(Refusal::new(432, "query memory exceeded")));
    assert_eq!(query(&axiom, "logs | count", "", "").await, Err(432));
}

#[tokio::test]
async fn rows_appear_after_a_delay() {
    let axiom = start(Options::default()).await;
    axiom.faults().visible_after(Duration::from_secs(3600));
    assert_eq!(send(post(&axiom, "{\"n\":1}")).await.expect("an answer").status, 200);
    assert_eq!(query(&axiom, "logs | count", "", "").await, Ok(json!([[0]])));
    axiom.faults().visible_after(Duration::ZERO);
    assert_eq!(query(&axiom, "logs | count", "", "").await, Ok(json!([[1]])));
}

#[tokio::test]
async fn without_a_look_inside_only_the_number_is_known() {
    let axiom = start(Options { inspect: Inspect::Rows, ..Options::default() }).await;
    assert_eq!(send(post(&axiom, "{\"n\":1}\n{\"n\":2}")).await.expect("an answer").status, 200);
    assert_eq!(query(&axiom, "logs | count", "", "").await, Ok(json!([[2]])));
    assert_eq!(query(&axiom, "logs | summarize max(n)", "", "").await, Err(400));
    assert_eq!(query(&axiom, "logs | summarize count() by bin(_time, 1h)", "", "").await, Err(400));
}
