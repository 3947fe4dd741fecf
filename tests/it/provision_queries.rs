//! The queries of the dashboard and of the monitors, asked over rows that the program delivered and events as it tells them.

use std::collections::BTreeMap;

use rig::writer::Kind;
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use crate::support::World;

/// Two minutes ago, at the beginning of a minute: what happens after it is in this minute's bin.
fn minute() -> OffsetDateTime {
    let now = OffsetDateTime::now_utc();
    OffsetDateTime::from_unix_timestamp(now.unix_timestamp().div_euclid(60) * 60).unwrap() - Duration::minutes(2)
}

fn text(time: OffsetDateTime) -> String {
    time.format(&Rfc3339).unwrap()
}

/// Delivers rows of a table, of which the first is `late` seconds old, and each that follows one more.
async fn deliver(world: &World, table: &str, rows: i64, late: i64) {
    let now = OffsetDateTime::now_utc();
    let row = |number: i64| {
        let time = text(now - Duration::seconds(late + number));
        json!({"TimeGenerated": time, "Type": table, "Number": number, "DeviceDetail": {"os": "x", "browser": {"n": number}}}).to_string() + "\n"
    };
    let lines: String = (0..rows).map(row).collect();
    let (container, path) = (format!("am-{}", table.to_ascii_lowercase()), crate::support::blob_name(0));
    let put = world.writer.put_blob(&container, &path, lines.as_bytes(), Kind::Block);
    put.await.expect("the emulator takes it");
    world.run_once().await;
}

/// What the program says of its visits and sweeps.
async fn tell(world: &World, minute: OffsetDateTime) {
    let visit = |second: i64, table: &str, lag: i64, more: Value| {
        let mut event = json!({
            "_time": text(minute + Duration::seconds(second)), "service.name": "sentinel-axiom", "event.name": "visit", "azure.table": table,
            "azure.blob": format!("am-{}/b{lag}", table.to_ascii_lowercase()), "rows": 10, "bytes": 50_000_000, "set_aside": 0, "duplicates": 0,
            "attempts": 1, "lag_seconds": lag, "outcome": "shipped",
        });
        event.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
        event
    };
    let sweep = |second: i64, blobs: u64, bytes: u64, oldest: u64| {
        json!({
            "_time": text(minute + Duration::seconds(second)), "service.name": "sentinel-axiom", "event.name": "sweep",
            "waiting_blobs": blobs, "waiting_bytes": bytes, "oldest_seconds": oldest,
        })
    };
    let failed =
        json!({"rows": 0, "bytes": 0, "outcome": "failed", "error.message": "Axiom answers 503", "attempts": 7});
    let mut events: Vec<_> = (1..=19).map(|lag| visit(lag, "SigninLogs", lag, json!({}))).collect();
    events.push(visit(20, "AuditLogs", 20, json!({"set_aside": 3, "duplicates": 2, "outcome": "deleted"})));
    events.push(visit(70, "AuditLogs", 5, failed));
    events.extend([sweep(5, 4, 1_000_000, 30), sweep(50, 2, 2_500_000, 90), sweep(65, 0, 0, 0)]);
    let lines: String = events.iter().map(|event| event.to_string() + "\n").collect();
    let url = format!("{}/v1/datasets/sentinel-axiom/ingest", world.axiom.url());
    let request = reqwest::Client::new().post(url).bearer_auth(world.axiom.token());
    let answer = request.header("content-type", "application/x-ndjson").body(lines).send().await.unwrap();
    assert_eq!(answer.status(), 200);
}

async fn call(world: &World, path: &str, body: Option<Value>) -> Value {
    let url = format!("{}{path}", world.axiom.url());
    let client = reqwest::Client::new();
    let request = if body.is_some() { client.post(url) } else { client.get(url) };
    let request = request.bearer_auth(world.axiom.token());
    let response = if let Some(body) = body { request.json(&body) } else { request }.send().await.unwrap();
    let (status, text) = (response.status(), response.text().await.unwrap());
    assert_eq!(status, 200, "{path}: {text}");
    serde_json::from_str(&text).unwrap()
}

/// Asks about the last minutes. The columns by their names.
async fn ask(world: &World, apl: &str, minutes: i64) -> BTreeMap<String, Value> {
    let now = OffsetDateTime::now_utc();
    let range = (text(now - Duration::minutes(minutes)), text(now + Duration::minutes(1)));
    let body = json!({"apl": apl, "startTime": range.0, "endTime": range.1});
    let answer = call(world, "/v1/datasets/_apl?format=tabular", Some(body)).await;
    let table = &answer["tables"][0];
    let names = table["fields"].as_array().unwrap().iter().map(|field| field["name"].as_str().unwrap().to_owned());
    names.zip(table["columns"].as_array().unwrap().iter().cloned()).collect()
}

async fn prepared() -> (World, OffsetDateTime) {
    let mut world = World::new().await;
    world.set("TABLES", "SigninLogs,AuditLogs");
    let ran = world.run(&["provision", "--price-per-gb", "0.5"]).await;
    assert_eq!(ran.code, Some(0), "{}", ran.output);
    deliver(&world, "SigninLogs", 20, 100).await;
    deliver(&world, "AuditLogs", 2, 400).await;
    let minute = minute();
    tell(&world, minute).await;
    (world, minute)
}

/// Checks that a column is as expected; `expected` has the columns that count.
fn check(id: &str, found: &BTreeMap<String, Value>, expected: Value) {
    for (name, cells) in expected.as_object().unwrap() {
        assert_eq!(found.get(name), Some(cells), "{id}: {name} of {found:?}");
    }
}

#[tokio::test]
async fn every_chart_shows_the_right_numbers() {
    let (world, minute) = prepared().await;
    let dashboard = call(&world, "/v2/dashboards/uid/sentinel-axiom", None).await["dashboard"].clone();
    let mut expected = charts(minute);
    for chart in dashboard["charts"].as_array().unwrap() {
        let Some(apl) = chart["query"]["apl"].as_str() else { continue };
        let id = chart["id"].as_str().unwrap();
        let wanted = expected.remove(id).unwrap_or_else(|| panic!("nothing is expected of {id}"));
        let found = ask(&world, apl, 60).await;
        check(id, &found, wanted);
        if id == "datasets" {
            check_lateness(&found);
        }
    }
    assert!(expected.is_empty(), "{expected:?}");
    // What was declared before the first row stays one field, and is asked for by its keys.
    assert_eq!(world.axiom.fields("SigninLogs").iter().filter(|name| name.starts_with("DeviceDetail")).count(), 1);
    assert!(
        world.axiom.fields("AuditLogs").contains(&"DeviceDetail.browser.n".to_owned()),
        "no such column of that table is known"
    );
}

/// What each chart shows.
fn charts(minute: OffsetDateTime) -> BTreeMap<&'static str, Value> {
    let bins = [text(minute), text(minute + Duration::minutes(1))];
    let both = json!(bins);
    let by_table = json!([bins[0], bins[0], bins[1]]);
    let tables = json!(["SigninLogs", "AuditLogs", "AuditLogs"]);
    BTreeMap::from([
        ("rows", json!({"Rows": [200]})),
        ("gigabytes", json!({"GB": [1.0]})),
        ("cost", json!({"USD": [0.5]})),
        ("lag-now", json!({"Lag": [19]})),
        ("rows-by-table", json!({"_time": by_table, "azure.table": tables, "Rows": [190, 10, 0]})),
        ("bytes-by-table", json!({"_time": by_table, "Bytes": [950_000_000, 50_000_000, 0]})),
        ("lag", json!({"_time": both, "p50": [10, 5], "p95": [19, 5], "p99": [20, 5]})),
        ("trouble", json!({"_time": both, "Set aside": [3, 0], "Twice": [2, 0], "Failed": [0, 1]})),
        ("backlog", json!({"_time": both, "Blobs": [4, 0], "MB": [2.5, 0.0]})),
        ("oldest", json!({"_time": both, "Oldest": [90, 0]})),
        (
            "tables",
            json!({
                "Table": ["SigninLogs", "AuditLogs"], "Rows": [190, 10], "Set aside": [0, 3], "Twice": [0, 2], "Failed": [0, 1],
                "Lag p95 (s)": [19, 20], "Last visit": [text(minute + Duration::seconds(19)), text(minute + Duration::seconds(70))],
                "MB": [950.0, 50.0], "USD": [0.48, 0.03],
            }),
        ),
        ("datasets", json!({"Dataset": ["SigninLogs", "AuditLogs"], "Rows": [20, 2]})),
        (
            "failed",
            json!({
                "_time": [text(minute + Duration::seconds(70))], "Table": ["AuditLogs"], "Blob": ["am-auditlogs/b5"], "Attempts": [7],
                "Error": ["Axiom answers 503"],
            }),
        ),
    ])
}

/// Rows of a table were written 1 s after each other; how long their delivery took is not known to the second.
fn check_lateness(found: &BTreeMap<String, Value>) {
    let late = |name: &str| -> Vec<i64> {
        found[name].as_array().unwrap().iter().map(|cell| cell.as_i64().unwrap()).collect()
    };
    let (p50, p95, p99) = (late("p50 (s)"), late("p95 (s)"), late("p99 (s)"));
    assert!((109..140).contains(&p50[0]) && (400..440).contains(&p50[1]), "{found:?}");
    let spread = |range: std::ops::RangeInclusive<i64>, one: i64, other: i64| range.contains(&(one - other));
    assert!(spread(8..=10, p95[0], p50[0]) && spread(0..=2, p99[0], p95[0]), "{found:?}");
}

#[tokio::test]
async fn every_monitor_alerts_when_it_should() {
    let (world, _) = prepared().await;
    let monitors = call(&world, "/v2/monitors", None).await;
    let mut values = BTreeMap::new();
    for monitor in monitors.as_array().unwrap() {
        let apl = monitor["aplQuery"].as_str().unwrap();
        let columns = ask(&world, apl, monitor["rangeMinutes"].as_i64().unwrap()).await;
        assert_eq!(columns.len(), 1, "a threshold monitor looks at one number: {columns:?}");
        let value = columns.into_values().next().unwrap()[0].clone();
        let (number, threshold) = (value.as_f64().unwrap(), monitor["threshold"].as_f64().unwrap());
        let alerts = match monitor["operator"].as_str().unwrap() {
            "Above" => number > threshold,
            "Below" => number < threshold,
            other => panic!("{other}"),
        };
        values.insert(monitor["name"].as_str().unwrap().replace("sentinel-axiom: ", ""), (value, alerts));
    }
    let expected = [
        ("backlog", 90, false),
        ("failing", 1, false),
        ("lag", 19, false),
        ("no rows in AuditLogs", 2, false),
        ("no rows in SigninLogs", 20, false),
        ("refused", 3, true),
    ];
    let expected: BTreeMap<_, _> =
        expected.map(|(name, value, alerts)| (name.to_owned(), (json!(value), alerts))).into();
    assert_eq!(values, expected);
}
