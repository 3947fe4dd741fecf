//! What can be read off: `status`, the page, and telemetry; and that counts are exact whatever was killed.

use rig::axiom::{Fault, Gate, Refusal};
use serde_json::Value;

use crate::support::{CONTAINER, TABLE, World, blob_name, rows, until};

const TELEMETRY: &str = "sentinel-axiom";

/// A blob of this hour, so that the plot shows it.
fn now_name(minute: u8) -> String {
    let now = time::OffsetDateTime::now_utc();
    let date = format!("y={:04}/m={:02}/d={:02}/h={:02}", now.year(), u8::from(now.month()), now.day(), now.hour());
    blob_name(minute).replace("y=2026/m=11/d=24/h=10", &date)
}

async fn status(world: &World, more: &[&str]) -> Value {
    let ran = world.run(&[&["status", "--json"], more].concat()).await;
    assert_eq!(ran.code, Some(0), "{}", ran.output);
    let line = ran.output.lines().find(|line| line.starts_with("{\"at\"")).unwrap_or_else(|| panic!("{}", ran.output));
    serde_json::from_str(line).expect("a line of JSON")
}

#[tokio::test]
async fn what_waits_and_what_was_delivered_is_told_by_table() {
    let mut world = World::with_dataset().await;
    world.set("SETTLE_AFTER", "600");
    assert_eq!(status(&world, &[]).await["tables"], serde_json::json!([]));
    world.put(&now_name(0), format!("{}nope\n", rows(0..10)).as_bytes()).await; // Block: deleted at once.
    world.put_append(&now_name(5), rows(10..15).as_bytes()).await; // Stays until it is settled.
    world.run_once().await;
    world.put_append(&now_name(10), rows(15..18).as_bytes()).await; // Waits.
    let told = status(&world, &["--count"]).await;
    let table = &told["tables"][0];
    assert_eq!(table["table"], "securityevent");
    assert_eq!((table["rows"].as_u64(), table["set_aside"].as_u64()), (Some(15), Some(1)), "{table}");
    assert_eq!((table["blobs"].as_u64(), table["waiting_blobs"].as_u64()), (Some(2), Some(1)), "{table}");
    assert_eq!(
        (table["waiting_rows"].as_u64(), table["waiting_bytes"].as_u64()),
        (Some(3), Some(rows(15..18).len() as u64))
    );
    assert_eq!(table["by_hour"].as_array().unwrap().iter().map(|rows| rows.as_u64().unwrap()).sum::<u64>(), 15);
    let text = world.run(&["status"]).await;
    assert!(text.output.contains("securityevent") && text.output.contains(" 15 "), "{}", text.output);
}

#[tokio::test]
async fn the_last_error_of_a_table_is_shown_and_a_page_shows_it_all() {
    let mut world = World::with_dataset().await;
    world.set("VISIT_DEADLINE", "1");
    world.put(&now_name(0), rows(0..10).as_bytes()).await;
    world.axiom.faults().always(Some(Refusal::new(403, "<b>forbidden</b>").into()));
    let failed = world.run(&["run", "--once"]).await;
    assert_eq!(failed.code, Some(1), "{}", failed.output);
    let told = status(&world, &[]).await;
    let said = told["tables"][0]["last_error"]["said"].as_str().unwrap_or_else(|| panic!("{told}"));
    assert!(said.contains("forbidden"), "{said}");

    let host = world.host().await;
    let passed = host.get("function-status", "https://app.azurewebsites.net/api/status").await.expect("it answers");
    assert_eq!((passed.status, passed.headers["Content-Type"].as_str()), (200, "text/html; charset=utf-8"));
    assert_eq!(passed.headers["Cache-Control"], "no-store");
    assert!(passed.headers["Content-Security-Policy"].starts_with("default-src 'none'"));
    for part in ["<!doctype html>", "securityevent", "&lt;b&gt;forbidden", "oldest", "<svg"] {
        assert!(passed.body.contains(part), "{part}: {}", passed.body);
    }
    let stats = host.stop().await;
    assert_eq!(stats.violations, Vec::<String>::new());
}

#[tokio::test]
async fn a_status_that_cannot_be_gathered_is_a_page_that_says_why() {
    let mut world = World::new().await;
    let gone = world.account.connection_string().replace(&world.account.blob_url().to_string(), "http://127.0.0.1:1/x");
    assert_ne!(gone, world.account.connection_string(), "the endpoint is in it");
    world.set("EXPORT_STORAGE", gone);
    let host = world.host().await;
    let passed = host.get("function-status", "https://app.azurewebsites.net/api/status").await.expect("it answers");
    assert_eq!(passed.status, 503);
    assert!(passed.body.contains("EXPORT_STORAGE"), "{}", passed.body);
    host.stop().await;
}

#[tokio::test]
async fn every_row_is_accounted_for_over_visits_that_are_killed() {
    let mut world = World::with_dataset().await;
    world.set("BATCH_ROWS", "10").set("UPLOADS", "2").set("CLAIM_FOR", "5");
    let bad = "nope\n{\"cut\":\n";
    for minute in 0..6 {
        let first = u64::from(minute) * 100;
        world.put(&now_name(minute * 5), format!("{}{bad}", rows(first..first + 100)).as_bytes()).await;
    }
    for kill in 0..8 {
        // In the middle of a blob, after its rows have arrived and before that is known: what is sent again is not counted again.
        let gate = Gate::shut();
        let before = world.arrived().len();
        gate.let_through(3 + kill);
        world.axiom.faults().always(Some(Fault::HoldAfter(gate.clone())));
        let running = world.spawn(&["run", "--once"]);
        until("it is held, or done", || async { running.is_over() || gate.waiting() > 0 }).await;
        running.kill().await;
        running.end().await;
        world.axiom.faults().clear();
        gate.open();
        assert!(world.arrived().len() > before, "each of them got somewhere");
        world.expire_claims().await;
        let told = status(&world, &["--count"]).await;
        let table = &told["tables"][0];
        let count = |name: &str| table[name].as_u64().unwrap_or_else(|| panic!("{name}: {table}"));
        // Two bad lines a blob: what waits are lines.
        assert_eq!(count("rows") + count("set_aside") + count("waiting_rows"), 6 * 102, "{table}");
    }
    world.run_once().await;
    assert_eq!(world.blobs_left().await, 0, "all of it is delivered");
    let told = status(&world, &["--count"]).await;
    let table = &told["tables"][0];
    assert_eq!(
        (table["rows"].as_u64(), table["set_aside"].as_u64(), table["waiting_rows"].as_u64()),
        (Some(600), Some(12), Some(0))
    );
    assert_eq!(world.distinct(), (0..600).collect::<Vec<_>>());
}

#[tokio::test]
async fn each_visit_and_each_sweep_is_told_in_the_dataset_for_telemetry() {
    let mut world = World::with_dataset().await;
    world.set("AXIOM_TELEMETRY_DATASET", TELEMETRY);
    world.put(&now_name(0), format!("{}nope\n", rows(0..10)).as_bytes()).await;
    world.run_once().await;
    let events: Vec<Value> =
        world.delivered(TELEMETRY).iter().map(|row| serde_json::from_str(row).expect("JSON")).collect();
    let of =
        |name: &str| events.iter().find(|event| event["event.name"] == name).unwrap_or_else(|| panic!("{events:?}"));
    let visit = of("visit");
    assert_eq!(visit["azure.blob"], format!("{CONTAINER}/{}", now_name(0)));
    assert_eq!((visit["azure.table"].as_str(), visit["axiom.dataset"].as_str()), (Some("securityevent"), Some(TABLE)));
    assert_eq!((visit["rows"].as_u64(), visit["set_aside"].as_u64()), (Some(10), Some(1)));
    assert_eq!((visit["outcome"].as_str(), visit["attempts"].as_u64()), (Some("deleted"), Some(1)));
    assert!(visit["lag_seconds"].as_f64().is_some_and(|lag| lag >= 0.0), "{visit}");
    for name in [
        "_time",
        "service.name",
        "service.version",
        "service.instance.id",
        "duration_ms",
        "stage.send_ms",
        "zstd.level",
    ] {
        assert!(!visit[name].is_null(), "{name}: {visit}");
    }
    assert_eq!(visit["bytes"].as_u64(), Some(rows(0..10).len() as u64), "of the rows that were delivered: {visit}");
    let sweep = of("sweep");
    assert_eq!((sweep["blobs"].as_u64(), sweep["waiting_blobs"].as_u64()), (Some(1), Some(1)), "{sweep}");
    assert!(sweep["oldest_seconds"].as_u64().is_some(), "{sweep}");
}

#[tokio::test]
async fn telemetry_that_is_refused_keeps_no_row_waiting() {
    let mut world = World::with_dataset().await;
    world.set("AXIOM_TELEMETRY_DATASET", TELEMETRY).set("AXIOM_CREATE_DATASETS", "false");
    world.put(&now_name(0), rows(0..10).as_bytes()).await;
    let ran = world.run(&["run", "--once"]).await;
    assert_eq!((ran.code, world.numbers().len()), (Some(0), 10), "{}", ran.output);
    assert!(ran.output.contains("telemetry is not told"), "{}", ran.output);
}
