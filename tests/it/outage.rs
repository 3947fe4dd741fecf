//! Axiom is away while blobs keep arriving.

use rig::axiom::{Fault, Refusal, RetryAfter};

use crate::support::{CONTAINER, World, blob_name, rows, until};

/// The rows of the blob of this minute.
fn numbers(minute: u8) -> std::ops::Range<u64> {
    u64::from(minute) * 10..u64::from(minute) * 10 + 10
}

async fn put(world: &World, minutes: impl IntoIterator<Item = u8>) {
    for minute in minutes {
        world.put(&blob_name(minute), rows(numbers(minute)).as_bytes()).await;
    }
}

async fn blobs(world: &World) -> usize {
    use futures::StreamExt as _;
    world.blobs.list(CONTAINER, "").count().await
}

#[tokio::test]
async fn an_outage_under_the_host_loses_nothing_and_poisons_nothing() {
    let world = World::with_dataset().await;
    // Longer than a batch is tried: the first visits end early, and those behind them at once.
    let down = Refusal::new(503, "down").retry_after(RetryAfter::Seconds(600));
    world.axiom.faults().always(Some(down.into()));
    let host = world.host().await;
    for minute in (0..40).rev() {
        put(&world, [minute]).await;
        world.wake(&blob_name(minute)).await;
        let swept = host.fire("function-sweep").await.expect("the timer fires");
        assert!(swept.succeeded(), "{swept:?}");
        // Each sweep knows of 40 blobs at most, and adds none where 64 messages wait already; nor once the first visit has met the pause.
        assert!(world.queue.length().await.expect("the queue answers") < 64 + 40, "the sweeps leave the queue alone");
    }
    until("every message had its deliveries", || async { world.queue.length().await.expect("the queue answers") == 0 })
        .await;
    let requests = world.axiom.requests().len();
    assert!(requests <= 40, "a pause is kept by all visits: {requests} requests");
    assert_eq!((blobs(&world).await, world.arrived().len()), (40, 0), "every blob waits");
    let stats = host.stop().await;
    assert_eq!((stats.poisoned, stats.violations, stats.crashes), (0, vec![], 0));
    assert!(stats.redelivered > 0, "failed visits were answered as such");

    // It is back. The pause was the old process's; a new one need not know of it.
    world.axiom.faults().clear();
    let host = world.host().await;
    until("the backlog is gone", || async {
        assert!(host.fire("function-sweep").await.expect("the timer fires").succeeded());
        blobs(&world).await == 0
    })
    .await;
    assert_eq!(world.numbers(), (0..400).collect::<Vec<_>>(), "refused for sure is sent again, and no row twice");
    let stats = host.stop().await;
    assert_eq!((stats.poisoned, stats.violations), (0, vec![]));
}

#[tokio::test]
async fn a_backlog_drains_oldest_first_when_connections_are_taken_again() {
    let mut world = World::with_dataset().await;
    world.set("VISITS", "1").set("UPLOADS", "1").set("RUN_EVERY", "1");
    world.axiom.outage(true).await.expect("the port is closed");
    put(&world, [25, 5, 20, 0, 15, 10]).await;
    let run = world.spawn(&["run"]);
    until("it tries", || async { run.said("attempt failed") }).await;
    // Blobs keep arriving.
    put(&world, [50, 30, 45, 35, 40]).await;
    until("it tries again", || async { world.mark(&blob_name(0), "axiom_claim").await.is_some() }).await;
    world.axiom.outage(false).await.expect("the port is there again");
    until("the backlog is gone", || async { blobs(&world).await == 0 }).await;
    let expected: Vec<_> = (0..=50).step_by(5).flat_map(numbers).collect();
    assert_eq!(world.arrived(), expected, "in the order of the folders, no row twice");
    run.signal("TERM").await;
    let ran = run.end().await;
    assert_eq!(ran.code, Some(0), "{}", ran.output);
}

#[tokio::test]
async fn a_limit_is_waited_out_within_the_visit_and_nothing_is_doubled() {
    let mut world = World::with_dataset().await;
    world.set("BATCH_ROWS", "5");
    put(&world, 0..3).await;
    let limit = |status| Fault::from(Refusal::new(status, "slow down").retry_after(RetryAfter::Seconds(1)));
    world.axiom.faults().script([limit(429), limit(429), limit(430), limit(503)]);
    world.run_once().await;
    assert_eq!(world.numbers(), (0..30).collect::<Vec<_>>());
    assert_eq!(world.axiom.requests().len(), 6 + 4, "six batches, and each refusal costs one request");
    assert_eq!(blobs(&world).await, 0);
}
