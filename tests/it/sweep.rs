//! The sweep: from the listing to the queue.

use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::{StreamExt as _, TryStreamExt as _};
use rig::host::{Host, Verdict};
use rig::writer::Kind;
use sentinel_axiom::settings::TableFilter;
use sentinel_axiom::source::plan::Policy;
use sentinel_axiom::source::sweep::sweep;
use sentinel_axiom::wake::SmallMessage;

use crate::support::{CONTAINER, World, blob_name, rows, until};

/// A host that fires the timer only: messages stay on the queue.
async fn sweeping_host(world: &mut World) -> Host {
    world.set("AzureWebJobs.function-blob-trigger.Disabled", "true").host().await
}

async fn fire(host: &Host) -> String {
    let fired = host.fire("function-sweep").await.expect("the timer fires");
    let Verdict::Succeeded(logs) = fired.verdict else { panic!("{fired:?}") };
    logs.concat()
}

/// Takes the messages off the queue, at most 32, in order.
async fn take(world: &World) -> Vec<SmallMessage> {
    let options = azure_storage_queue::models::QueueClientReceiveMessagesOptions {
        number_of_messages: Some(32),
        ..Default::default()
    };
    let received = world.queue.client().receive_messages(Some(options)).await.expect("the queue answers");
    let messages = received.into_model().expect("messages").items.unwrap_or_default();
    let mut texts = Vec::new();
    for message in messages {
        let (id, receipt) = (message.message_id.expect("an id"), message.pop_receipt.expect("a receipt"));
        world.queue.client().delete_message(&id, &receipt, None).await.expect("it is ours");
        let text = STANDARD.decode(message.message_text.expect("a text")).expect("base64");
        texts.push(serde_json::from_slice(&text).expect("our own small message"));
    }
    texts
}

#[tokio::test]
async fn a_sweep_decides_from_the_listing_alone_and_queues_one_message_for_each_blob_with_work_oldest_first() {
    let mut world = World::with_dataset().await;
    world.set("SETTLE_AFTER", "3600");
    let length = rows(0..3).len().to_string();
    // In another order than that of their folders; two of another day, whose names sort last.
    for minute in [30, 5, 55, 10, 45, 20] {
        world.put(&blob_name(minute), rows(0..3).as_bytes()).await;
    }
    let older = [blob_name(59).replace("d=24", "d=9"), blob_name(0).replace("y=2026", "y=2025")];
    for name in &older {
        world.put_append(name, rows(0..3).as_bytes()).await;
    }
    let part = rows(0..1).len();
    world.set_metadata(&blob_name(10), &[("axiom_shipped", &part.to_string())]).await;
    // Without work: claimed; delivered and not settled; new and empty.
    world.set_metadata(&blob_name(45), &[("axiom_claim", "someone@99999999999")]).await;
    world.put_append(&blob_name(15), rows(0..3).as_bytes()).await;
    world.set_metadata(&blob_name(15), &[("axiom_shipped", &length)]).await;
    world.put_append(&blob_name(25), b"").await;
    // With work: delivered and settled, to be deleted.
    world.set_metadata(&blob_name(20), &[("axiom_shipped", &length)]).await;
    let names: Vec<String> = [5, 10, 15, 20, 25, 30, 45, 55].map(blob_name).into_iter().chain(older.clone()).collect();
    let versions = async || futures::future::join_all(names.iter().map(|name| world.version(name))).await;
    let before = versions().await;

    let host = sweeping_host(&mut world).await;
    let said = fire(&host).await;
    assert!(said.contains("10 blobs, 7 with work"), "{said}");
    let end = rows(0..3).len() as u64;
    let [second, first] = older;
    let expected = [
        (first, 0),
        (second, 0),
        (blob_name(5), 0),
        (blob_name(10), part as u64),
        (blob_name(20), end),
        (blob_name(30), 0),
        (blob_name(55), 0),
    ];
    let policy = Policy { settle_after: 3600, delete: true };
    let found = sweep(&world.blobs, &TableFilter::default(), policy, 100).await.expect("the containers are listed");
    let found: Vec<_> = found.work.iter().map(|work| (work.blob.name().to_owned(), work.offset)).collect();
    assert_eq!(found, expected, "oldest first");
    // Several are sent at the same time, so neighbours on the queue may have changed places.
    let mut queued: Vec<_> = take(&world).await.into_iter().map(|message| (message.blob, message.offset)).collect();
    queued.sort_by_key(|message| expected.iter().position(|expected| expected == message));
    assert_eq!(queued, expected, "one message for each");
    let versions = futures::future::join_all(names.iter().map(|name| world.version(name))).await;
    assert_eq!(versions, before, "no blob was written to");
    assert!(world.axiom.requests().is_empty(), "and nothing sent");
}

#[tokio::test]
async fn a_sweep_adds_nothing_while_the_queue_is_long() {
    let mut world = World::with_dataset().await;
    world.put(&blob_name(0), rows(0..3).as_bytes()).await;
    let host = sweeping_host(&mut world).await;
    futures::stream::iter(0..64).map(Ok).try_for_each_concurrent(8, |_| world.queue.send("{}")).await.expect("sent");
    let said = fire(&host).await;
    assert!(said.contains("64 messages still wait"), "{said}");
    assert_eq!(world.queue.length().await.expect("the queue answers"), 64);
    assert_eq!(world.blobs.list(CONTAINER, "").count().await, 1, "the blob waits");
    world.queue.client().clear(None).await.expect("the queue answers");
    let said = fire(&host).await;
    assert!(said.contains("1 messages added"), "{said}");
    assert_eq!(take(&world).await.len(), 1);
}

#[tokio::test]
async fn foreign_names_are_reported_once_and_block_nobody() {
    let world = World::with_dataset().await;
    let foreign =
        [("am-x", "notes.txt"), ("am-x", "y=2026/PT05M.json"), (CONTAINER, "a-first.json"), (CONTAINER, "zz/last")];
    for (container, name) in foreign {
        world.writer.put_blob(container, name, b"{}\n", Kind::Block).await.expect("the emulator takes it");
    }
    world.writer.put_blob("elsewhere", "notes.txt", b"{}\n", Kind::Block).await.expect("the emulator takes it");
    world.put(&blob_name(0), rows(0..3).as_bytes()).await;
    let host = world.host().await;
    for _ in 0..3 {
        fire(&host).await;
    }
    until("the good one is shipped", || async { world.properties(&blob_name(0)).await.is_none() }).await;
    assert_eq!(world.numbers(), [0, 1, 2]);
    fire(&host).await;
    let said = host.output();
    let times = |what: &str| said.iter().filter(|line| line.text.contains(what)).count();
    for (container, name) in foreign {
        assert_eq!(times(&format!("{container}/{name}")), 1, "{container}/{name}");
        let stays = world.blobs.properties(container, name).await.expect("the emulator answers");
        assert!(stays.is_some_and(|blob| blob.metadata.is_empty()), "{container}/{name} is left alone");
    }
    assert_eq!(times("elsewhere"), 0, "no export container, not even listed");
}

#[tokio::test]
async fn without_any_event_only_the_latency_changes() {
    let mut world = World::with_dataset().await;
    world.set("SWEEP_SCHEDULE", "* * * * * *");
    let host = world.host().await;
    for minute in 0..12 {
        let numbers = u64::from(minute) * 10..u64::from(minute) * 10 + 10;
        if minute % 2 == 0 {
            world.put(&blob_name(minute), rows(numbers).as_bytes()).await;
        } else {
            world.put_append(&blob_name(minute), rows(numbers).as_bytes()).await;
        }
    }
    until("all are gone", || async { world.blobs.list(CONTAINER, "").count().await == 0 }).await;
    assert_eq!(world.numbers(), (0..120).collect::<Vec<_>>());
    let stats = host.stop().await;
    assert_eq!((stats.violations, stats.poisoned, stats.redelivered), (vec![], 0, 0));
}

#[tokio::test]
async fn a_sweep_over_thousands_of_blobs_counts_them_all_and_keeps_the_oldest() {
    const BLOBS: usize = 2000;
    let mut world = World::with_dataset().await;
    let (text, begun) = (rows(0..1), Instant::now());
    let name = |number: usize| {
        let (day, hour, minute) = (1 + number / 288, number % 288 / 12, number % 12 * 5);
        blob_name(0).replace("d=24/h=10/m=00", &format!("d={day:02}/h={hour:02}/m={minute:02}"))
    };
    // The youngest first, which is the worst order to find the oldest in.
    world.put(&name(BLOBS - 1), text.as_bytes()).await;
    futures::stream::iter((0..BLOBS - 1).rev().map(Ok))
        .try_for_each_concurrent(16, |number| {
            let (world, text, name) = (&world, &text, name(number));
            async move { world.blobs.put(CONTAINER, &name, text.clone().into()).await }
        })
        .await
        .expect("the emulator takes them");
    let (created, begun) = (begun.elapsed(), Instant::now());
    let host = sweeping_host(&mut world).await;
    let said = fire(&host).await;
    println!("{BLOBS} blobs written in {created:?}, swept in {:?}", begun.elapsed());
    let bytes = BLOBS * text.len();
    assert!(said.contains(&format!("{BLOBS} blobs, {BLOBS} with work ({bytes} bytes), 1024 messages added")), "{said}");
    assert_eq!(world.queue.length().await.expect("the queue answers"), 1024, "what one sweep adds is bounded");
    let first: Vec<_> = take(&world).await.into_iter().map(|message| message.blob).collect();
    let oldest: Vec<_> = (0..48).map(name).collect();
    assert!(first.len() == 32 && first.iter().all(|name| oldest.contains(name)), "the oldest come first: {first:?}");

    // What is kept in memory is what was asked for, however many there are.
    let policy = Policy { settle_after: 1, delete: true };
    let found = sweep(&world.blobs, &TableFilter::default(), policy, 7).await.expect("the containers are listed");
    assert_eq!((found.blobs, found.waiting, found.waiting_bytes), (BLOBS as u64, BLOBS as u64, bytes as u64));
    let kept: Vec<_> = found.work.iter().map(|work| work.blob.name().to_owned()).collect();
    assert_eq!(kept, (0..7).map(name).collect::<Vec<_>>());
}
