//! Messages of an Event Hub, through the host's trigger in each of its encodings, to Axiom; and what becomes of them when Axiom, storage or the process fails.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use futures::TryStreamExt as _;
use rig::axiom::{Fault, Gate, Options, Refusal, RetryAfter};
use rig::host::{Encoding, EventHub, Host, HostOptions};
use rig::proxy::{Operation, Proxy};
use serde_json::Value;

use crate::support::defender::{azure_monitor, each_kind};
use crate::support::invocation::SWEEP;
use crate::support::{World, until};

const FUNCTION: &str = "function-event-hub";

/// The tables of the messages here exist, so that the first request of each meets the first fault.
async fn world() -> World {
    let tables = each_kind(0).into_iter().map(|expected| expected.table.to_owned());
    let datasets = tables.chain(["SignInLogs".to_owned()]).collect();
    World::with(Options { keep_rows: true, datasets, ..Options::default() }).await
}

async fn host(world: &World, hub: &EventHub, change: impl FnOnce(&mut HostOptions)) -> Host {
    world
        .host_with(|options| {
            options.event_hub = Some(hub.clone());
            options.retry_interval = Some(Duration::from_millis(100));
            change(options);
        })
        .await
}

/// Waits until a checkpoint has passed every message.
async fn taken(hub: &EventHub) {
    until("the hub is read to its end", || async { hub.waiting() == 0 }).await;
}

/// Rows by dataset, each parsed and without what was added to it.
fn arrived(world: &World) -> BTreeMap<String, Vec<Value>> {
    let mut rows: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for dataset in world.axiom.datasets() {
        let of_dataset = world.delivered(&dataset).into_iter().map(|row| {
            let mut row: Value = serde_json::from_str(&row).expect("Axiom takes JSON only");
            row.as_object_mut().expect("an object").remove("_time");
            row
        });
        rows.insert(dataset, of_dataset.collect());
    }
    rows.retain(|_, rows| !rows.is_empty());
    rows
}

/// Blobs of rows that wait for a sweep.
async fn waiting(world: &World) -> usize {
    let blobs = world.blobs.list("events", "waiting/").try_collect::<Vec<_>>().await;
    blobs.map_or(0, |blobs| blobs.len()) // The container is created when it is first needed.
}

async fn sweep(host: &Host) {
    let swept = host.fire(SWEEP).await.expect("the timer fires");
    assert!(swept.succeeded(), "{swept:?}");
}

#[tokio::test]
async fn every_kind_of_message_reaches_its_dataset_in_every_encoding() {
    for encoding in [Encoding::Binary, Encoding::Text, Encoding::Json] {
        let (world, hub) = (world().await, EventHub::new(2));
        for (index, expected) in each_kind(7).into_iter().enumerate() {
            hub.send(index % 2, expected.message.to_string());
        }
        hub.send(0, azure_monitor(0, 5).to_string().replace("records", "Records"));
        let host = host(&world, &hub, |options| options.encoding = Some(encoding)).await;
        taken(&hub).await;
        for expected in each_kind(7) {
            let rows = world.delivered(expected.table);
            assert_eq!(rows.len(), 1, "{encoding:?} {}", expected.table);
            let sent = expected.message.to_string();
            if expected.message.get("TimeGenerated").is_some() {
                assert_eq!(rows[0], sent, "{encoding:?}: as it came");
                continue;
            }
            let added = rows[0].strip_prefix(sent.strip_suffix('}').expect("an object")).expect("as it came");
            let row: Value = serde_json::from_str(&rows[0]).unwrap();
            let time = row["_time"].as_str().expect("a time is added");
            assert_eq!(added, format!(",\"_time\":\"{time}\"}}"), "{encoding:?}: and nothing else");
            match expected.time {
                Some(own) => assert_eq!(time, own, "{encoding:?} {}", expected.table),
                None => assert!(
                    time.starts_with("20") && !time.starts_with("2026-11-20"),
                    "{encoding:?}: taken now: {time}"
                ),
            }
        }
        let records = &arrived(&world)["SignInLogs"];
        let numbers: Vec<_> = records.iter().map(|record| record["properties"]["id"].as_u64().unwrap()).collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4], "{encoding:?}: every record, in order");
        assert_eq!(world.refused().await, [], "{encoding:?}");
        let stats = host.stop().await;
        assert_eq!((stats.violations, stats.events_lost, stats.failed), (vec![], 0, 0), "{encoding:?}");
    }
}

#[tokio::test]
async fn the_recorded_messages_reach_their_datasets_unchanged() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/samples/DefenderForCloud.elastic.jsonl");
    let Ok(recorded) = std::fs::read_to_string(&samples) else {
        // They are not part of the project; the messages of the test above have the same forms.
        println!("{} is not there", samples.display());
        return;
    };
    let (world, hub) = (world().await, EventHub::new(1));
    let recorded: Vec<&str> = recorded.lines().collect();
    recorded.iter().for_each(|message| hub.send(0, *message));
    let host = host(&world, &hub, |_| {}).await;
    taken(&hub).await;
    let tables = [
        ("DefenderRegulatoryCompliance", None),
        ("DefenderAssessments", Some("2023-05-09T13:19:49.3381028Z")),
        ("DefenderSecureScoreControls", None),
        ("DefenderSubAssessments", Some("2023-05-12T09:58:32.2607101Z")),
        ("DefenderAlerts", None),
    ];
    assert_eq!(recorded.len(), tables.len());
    for (message, (table, time)) in recorded.iter().zip(tables) {
        let rows = world.delivered(table);
        let begin = if table == "DefenderAlerts" { *message } else { message.strip_suffix('}').unwrap() };
        assert!(rows.len() == 1 && rows[0].starts_with(begin), "{table}: {rows:?}");
        let row: Value = serde_json::from_str(&rows[0]).unwrap();
        assert!(time.is_none_or(|time| row["_time"] == time), "{table}: {}", row["_time"]);
    }
    host.stop().await;
}

#[tokio::test]
async fn ten_thousand_messages_with_garbage_among_them_deliver_exactly_the_rest() {
    const MESSAGES: u64 = 10_000;
    let (world, hub) = (world().await, EventHub::new(4));
    let kinds = each_kind(0).len() as u64;
    let (mut expected, mut garbage): (BTreeMap<_, Vec<Value>>, _) = (BTreeMap::new(), Vec::new());
    for number in 0..MESSAGES {
        let partition = usize::try_from(number % 4).unwrap();
        if number % 100 == 42 {
            let bad = match number / 100 % 4 {
                0 => format!("no JSON, number {number}\n").into_bytes(),
                1 => format!("{{\"cut\":\"off\",\"number\":{number}").into_bytes(),
                2 => format!("\"a text, number {number}\"").into_bytes(),
                _ => [b"\xff\xfe number ".as_slice(), number.to_string().as_bytes()].concat(),
            };
            hub.send(partition, bad.clone());
            garbage.push(bad);
        } else if number % 10 == 3 {
            let message = azure_monitor(number, 2);
            hub.send(partition, message.to_string());
            expected.entry("SignInLogs").or_default().extend(message["records"].as_array().unwrap().clone());
        } else {
            let kind = each_kind(number).swap_remove(usize::try_from(number / 7 % kinds).unwrap());
            hub.send(partition, kind.message.to_string());
            expected.entry(kind.table).or_default().push(kind.message);
        }
    }
    let host = host(&world, &hub, |_| {}).await;
    taken(&hub).await;
    let mut arrived = arrived(&world);
    assert!(arrived.keys().eq(expected.keys()), "{:?}", arrived.keys());
    for (table, mut rows) in expected {
        let arrived = arrived.get_mut(table).expect("its keys are the same");
        let key = |row: &Value| row.to_string();
        rows.sort_by_key(key);
        arrived.sort_by_key(key);
        assert!(*arrived == rows, "{table}: {} of {}", arrived.len(), rows.len());
    }
    let mut refused: Vec<_> = world.refused().await;
    assert!(refused.iter().all(|record| !record.reason.is_empty() && record.dataset == "EventHub"));
    let mut kept: Vec<_> = refused.drain(..).map(|record| record.bytes()).collect();
    kept.sort();
    garbage.sort();
    assert_eq!(kept.len(), 100);
    assert!(kept == garbage, "with every byte that it had");
    let stats = host.stop().await;
    assert_eq!((stats.violations, stats.events_lost, stats.failed), (vec![], 0, 0));
    assert!(stats.invocations <= MESSAGES / 64 + 8, "{} calls", stats.invocations);
}

#[tokio::test]
async fn messages_wait_while_axiom_is_down_and_the_sweep_delivers_them() {
    let (world, hub) = (world().await, EventHub::new(2));
    let down = Refusal::new(503, "down").retry_after(RetryAfter::Seconds(600));
    world.axiom.faults().always(Some(down.into()));
    let first = host(&world, &hub, |_| {}).await;
    for number in 0..50 {
        each_kind(number)
            .into_iter()
            .for_each(|kind| hub.send(usize::try_from(number % 2).unwrap(), kind.message.to_string()));
    }
    hub.send(0, "garbage");
    taken(&hub).await;
    sweep(&first).await;
    assert_eq!(arrived(&world).len(), 0, "nothing arrives");
    assert!(waiting(&world).await >= 10, "a blob for each table at least");
    assert_eq!(world.refused().await.len(), 1, "what is no row does not wait for Axiom");
    let stats = first.stop().await;
    assert_eq!((stats.violations, stats.events_lost, stats.failed), (vec![], 0, 0));

    // The pause was the old process's; a new one need not know of it.
    world.axiom.faults().clear();
    let second = host(&world, &hub, |_| {}).await;
    until("nothing waits", || async {
        sweep(&second).await;
        waiting(&world).await == 0
    })
    .await;
    let arrived = arrived(&world);
    for kind in each_kind(0) {
        let mut rows: Vec<_> = arrived[kind.table].iter().map(Value::to_string).collect();
        let mut sent: Vec<_> = (0..50)
            .flat_map(each_kind)
            .filter(|each| each.table == kind.table)
            .map(|each| each.message.to_string())
            .collect();
        rows.sort();
        sent.sort();
        assert!(rows == sent, "{}: each row once: {} of {}", kind.table, rows.len(), sent.len());
    }
    second.stop().await;
}

#[tokio::test]
async fn a_batch_is_called_again_until_its_rows_are_somewhere() {
    let (mut world, hub) = (world().await, EventHub::new(1));
    let proxy = Proxy::start(world.account.blob_url()).await.expect("a proxy");
    let connection = world.account.behind(proxy.url(), world.account.queue_url()).connection_string();
    world.set("AzureWebJobsStorage", connection);
    // Axiom is down, and whatever is written fails for longer than a write is tried.
    let down = Refusal::new(503, "down").retry_after(RetryAfter::Seconds(600));
    world.axiom.faults().always(Some(down.into()));
    proxy.random(1, vec![(1.0, rig::proxy::Fault::Refuse(403, "AuthorizationFailure"))]);
    hub.send(0, each_kind(1).remove(0).message.to_string());
    let host = host(&world, &hub, |_| {}).await;
    until("a call fails", || async { host.stats().failed > 0 }).await;
    assert_eq!(hub.waiting(), 1, "the checkpoint stays");
    assert!(proxy.happened().iter().any(|happened| happened.operation == Operation::Put), "it tried to keep the row");
    proxy.clear();
    taken(&hub).await;
    assert_eq!((waiting(&world).await, arrived(&world).len()), (1, 0), "it waits");
    let stats = host.stop().await;
    assert_eq!((stats.violations, stats.events_lost), (vec![], 0));
}

#[tokio::test]
async fn a_batch_that_comes_again_is_not_delivered_again() {
    let (world, hub) = (world().await, EventHub::new(1));
    let send = |numbers: std::ops::Range<u64>| {
        numbers.for_each(|number| hub.send(0, each_kind(number).remove(0).message.to_string()));
    };
    let first = host(&world, &hub, |_| {}).await;
    send(0..100);
    taken(&hub).await;
    first.stop().await;
    // Another instance takes over, and has an older checkpoint.
    hub.rewind(0, 70);
    send(100..120);
    let second = host(&world, &hub, |_| {}).await;
    taken(&hub).await;
    assert_eq!(world.delivered("DefenderAlerts").len(), 120, "each once");
    assert!(
        second.output().iter().any(|line| line.text.contains("\"known\":64")),
        "and it says so: {:?}",
        second.output()
    );
    second.stop().await;

    // A hub that was deleted and made anew counts from the start again, and nothing of it is known.
    let anew = EventHub::new(1);
    anew.send(0, each_kind(500).remove(0).message.to_string());
    let third = host(&world, &anew, |_| {}).await;
    taken(&anew).await;
    assert_eq!(world.delivered("DefenderAlerts").len(), 121);
    third.stop().await;
}

#[tokio::test]
async fn a_kill_in_the_middle_loses_no_message_and_what_may_be_twice_is_told() {
    let (world, hub) = (world().await, EventHub::new(1));
    let gate = Gate::shut();
    world.axiom.faults().script([Fault::HoldAfter(gate.clone())]);
    (0..20).for_each(|number| hub.send(0, each_kind(number).remove(0).message.to_string()));
    let host = host(&world, &hub, |_| {}).await;
    until("Axiom has the rows, and has not said so", || async { world.delivered("DefenderAlerts").len() == 20 }).await;
    host.kill_handler().await.expect("it runs");
    taken(&hub).await;
    assert_eq!(world.delivered("DefenderAlerts").len(), 40, "rather twice than never");
    assert!(host.output().iter().any(|line| line.text.contains("\"perhaps_twice\":20")), "{:?}", host.output());
    assert_eq!(host.stop().await.events_lost, 0);
}

#[tokio::test]
async fn a_sweep_that_is_killed_leaves_what_waits_to_the_next() {
    let (mut world, hub) = (world().await, EventHub::new(1));
    world.set("CLAIM_FOR", "5");
    let down = Refusal::new(503, "down").retry_after(RetryAfter::Seconds(600));
    world.axiom.faults().always(Some(down.into()));
    (0..20).for_each(|number| hub.send(0, each_kind(number).remove(0).message.to_string()));
    let first = host(&world, &hub, |_| {}).await;
    taken(&hub).await;
    first.stop().await;
    world.axiom.faults().clear();
    let gate = Gate::shut();
    world.axiom.faults().script([Fault::HoldBefore(gate.clone())]);
    let second = host(&world, &hub, |_| {}).await;
    let (_, ()) = tokio::join!(second.fire(SWEEP), async {
        until("the rows are on their way", || async { world.axiom.faults().unused() == 0 }).await;
        second.kill_handler().await.expect("it runs");
    });
    assert_eq!((waiting(&world).await, world.delivered("DefenderAlerts").len()), (1, 0));
    until("nothing waits", || async {
        sweep(&second).await;
        waiting(&world).await == 0
    })
    .await;
    assert_eq!(world.delivered("DefenderAlerts").len(), 20);
    let told = |line: &rig::host::Line| line.text.contains("20 perhaps twice");
    assert!(second.output().iter().any(told), "nobody knows what the killed one sent: {:?}", second.output());
    second.stop().await;
}

#[tokio::test]
async fn a_record_that_a_workspace_would_drop_passes_whole() {
    let (world, hub) = (world().await, EventHub::new(1));
    // Log Analytics takes 32 kB of a record from Defender for Cloud's export.
    let mut message = each_kind(1).remove(1).message;
    message["properties"]["additionalData"] = "x".repeat(200_000).into();
    hub.send(0, message.to_string());
    let host = host(&world, &hub, |_| {}).await;
    taken(&hub).await;
    assert_eq!(arrived(&world)["DefenderAssessments"], [message]);
    host.stop().await;
}

#[tokio::test]
async fn an_invocation_that_holds_nothing_is_answered_as_done() {
    let world = World::new().await;
    let host = world.host().await;
    for body in [r#"{"Data":{"messages":"[]"},"Metadata":{}}"#, r#"{"Data":{"messages":"[\"\"]"},"Metadata":{}}"#] {
        let (status, answer) = crate::support::invocation::invoke(&host, FUNCTION, body).await;
        assert_eq!(status, 200, "{answer}");
    }
    assert_eq!((arrived(&world).len(), world.refused().await.len()), (0, 0));
    host.stop().await;
}
