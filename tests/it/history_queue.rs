//! History on many instances: slices on the queue, `function-history`, and what `history status` says of them.

use std::collections::BTreeMap;

use rig::azurite::IDENTITY;
use rig::host::Host;
use rig::loganalytics::{Fault, Options};
use sentinel_axiom::azure::{Queue, connect_queue};
use serde_json::{Value, json};

use crate::support::invocation::invoke;
use crate::support::workspace::{NEW_YEAR, SECOND, arrivals, ids, table_of, workspace};
use crate::support::{World, until};

const RUN: [&str; 11] =
    ["history", "run", "--queue", "--slice-rows", "500", "--tables", "T", "--from", "2026-01-01", "--to", "2026-01-08"];
const FUNCTION: &str = "function-history";

fn queue(world: &World) -> Queue {
    connect_queue(&world.account.access(), IDENTITY, "history").expect("a client")
}

async fn status(world: &World) -> Value {
    let ran = world.run(&["history", "status", "--json"]).await;
    assert_eq!(ran.code, Some(0), "{}", ran.output);
    let line = ran.output.lines().find(|line| line.starts_with("{\"bytes\"") || line.starts_with("{\"done\""));
    serde_json::from_str(line.unwrap_or_else(|| panic!("no status: {}", ran.output))).unwrap()
}

/// Bursts of 300 rows that need a slice each.
fn bursts(count: i64) -> rig::loganalytics::Table {
    let times = (0..count).flat_map(|burst| (0..300).map(move |row| NEW_YEAR + burst * 86_400 * SECOND + row * 1000));
    table_of("T", times, ids("T"))
}

#[tokio::test]
async fn slices_on_the_queue_are_worked_off_by_several_instances_each_once() {
    let mut world = World::new().await;
    let workspace = workspace(&mut world, Options::default()).await;
    workspace.add(bursts(6));
    let ran = world.run(&RUN).await;
    assert!(ran.code == Some(0) && ran.output.contains("6 slices with 1800 rows are on the queue"), "{}", ran.output);
    assert_eq!(world.axiom.requests().len(), 0, "nothing is moved yet");
    // Once more: messages that are done before are nothing to do.
    assert_eq!(world.run(&RUN).await.code, Some(0));
    let hosts: [Host; 2] = [world.host().await, world.host().await];
    let slices = queue(&world);
    until("the queue is worked off", || async { slices.length().await.unwrap() == 0 }).await;
    drop(hosts);
    assert_eq!(arrivals(&world, "T"), BTreeMap::from([(1, 1800)]));
    let status = status(&world).await;
    assert_eq!((&status["done"], &status["running"], &status["failed"]), (&json!(6), &json!(0), &json!([])));
    assert_eq!((&status["rows"], &status["perhaps_twice"]), (&json!(1800), &json!(0)));
}

#[tokio::test]
async fn a_slice_that_fails_is_told_with_its_reason_and_done_when_its_message_comes_again() {
    let mut world = World::new().await;
    let workspace = workspace(&mut world, Options::default()).await;
    workspace.add(table_of("T", [NEW_YEAR, NEW_YEAR + 1], ids("T")));
    assert_eq!(world.run(&RUN).await.code, Some(0));
    workspace.faults().only(Some("extend"));
    workspace.faults().always(Some(Fault::refuse(403, "InsufficientAccessError", "no")));
    let host = world.host().await;
    let failed = || async {
        let ran = world.run(&["history", "status"]).await;
        ran.output.contains("failed: 2026-01-01T00:00:00.0000000Z to 2026-01-08T00:00:00.0000000Z: ask the workspace: InsufficientAccessError: no (give")
    };
    until("the slice is told as failed", failed).await;
    workspace.faults().clear();
    until("the slice is done", || async { status(&world).await["done"] == json!(1) }).await;
    drop(host);
    assert_eq!(arrivals(&world, "T"), BTreeMap::from([(1, 2)]));
}

#[tokio::test]
async fn a_message_that_nobody_wrote_moves_nothing() {
    let mut world = World::new().await;
    let workspace = workspace(&mut world, Options::default()).await;
    workspace.add(table_of("T", [NEW_YEAR], ids("T")));
    let host = world.host().await;
    let window = json!({"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"});
    let body = |slice: Value| json!({"Data": {"slice": slice}, "Metadata": {}}).to_string();
    for (slice, status) in [
        (json!({"job": "axiom/T/T", "window": window, "rows": 1, "bytes": 1}), 503),
        (json!({"job": "../axiom/T/T", "window": window, "rows": 1, "bytes": 1}), 200),
        (json!({"query": "T", "window": window}), 200),
        (json!("T | take 1"), 200),
    ] {
        let (answered, said) = invoke(&host, FUNCTION, &body(slice.clone())).await;
        assert_eq!(answered, status, "{slice}: {said}");
        let words = if status == 200 { "not followed: " } else { "nobody began this job" };
        assert!(said.to_string().contains(words), "{slice}: {said}");
    }
    assert_eq!((world.axiom.requests().len(), workspace.requests().len()), (0, 0));
}
