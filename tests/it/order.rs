//! Several batches under way at once: what is committed, and when a request may be answered.

use rig::axiom::{Fault, Gate};

use crate::support::{World, blob_name, rows, until};

/// Rows of a batch, and batches in flight.
const ROWS: u64 = 10;
const UPLOADS: u64 = 4;

async fn hundred_rows() -> (World, String) {
    let mut world = World::with_dataset().await;
    world.set("BATCH_ROWS", ROWS.to_string()).set("UPLOADS", UPLOADS.to_string());
    let name = blob_name(0);
    world.put(&name, rows(0..100).as_bytes()).await;
    (world, name)
}

#[tokio::test]
async fn the_offset_never_passes_a_batch_that_is_not_acknowledged() {
    let (world, name) = hundred_rows().await;
    let gate = Gate::shut();
    // The first request to arrive is held. Which of the first batches that is, its missing rows tell.
    world.axiom.faults().script([Fault::HoldBefore(gate.clone())]);
    let host = world.host().await;
    world.wake(&name).await;
    let held = async || {
        let numbers = world.numbers();
        (0..).find(|number| !numbers.contains(number)).expect("numbers end") / ROWS
    };
    until("all that may be under way beside the held batch has arrived", || async {
        let shipped = world.mark(&name, "axiom_shipped").await.map_or(0, |text| text.parse().expect("a number"));
        let in_order = u64::try_from(world.arrived().len()).expect("small") / ROWS;
        assert!(shipped <= rows(0..in_order * ROWS).len(), "{shipped} bytes are committed after {in_order} batches");
        in_order == held().await + UPLOADS - 1
    })
    .await;
    assert_eq!(gate.waiting(), 1);
    // What was acknowledged before the held batch is committed, and nothing behind it.
    let before = rows(0..held().await * ROWS).len().to_string();
    until("what is acknowledged in order is committed", || async {
        world.mark(&name, "axiom_shipped").await == Some(before.clone())
    })
    .await;

    let arrived = world.arrived().len();
    assert!(host.kill_handler().await.is_some());
    world.axiom.faults().clear();
    until("the held request is given up", || async { gate.waiting() == 0 }).await;
    world.expire_claim(&name).await;
    until("the blob is gone", || async {
        assert!(host.fire("function-sweep").await.expect("the timer fires").succeeded());
        world.properties(&name).await.is_none()
    })
    .await;
    assert_eq!(world.distinct(), (0..100).collect::<Vec<_>>(), "nothing is lost by the kill");
    let doubled = world.arrived().len() - 100;
    assert!(doubled <= usize::try_from((UPLOADS - 1) * ROWS).expect("small"), "{doubled} rows twice, {arrived} before");
    assert_eq!(host.stop().await.crashes, 1, "the kill");
}

#[tokio::test]
async fn success_is_answered_after_settling_and_never_before() {
    let (mut world, name) = hundred_rows().await;
    world.set("UPLOADS", "1");
    let gate = Gate::shut();
    world.axiom.faults().always(Some(Fault::HoldAfter(gate.clone())));
    let host = world.host().await;
    world.wake(&name).await;
    for batch in 1..=10 {
        until("the next batch has arrived", || async { world.arrived().len() == batch * 10 }).await;
        let (succeeded, there) = (host.stats().succeeded, world.properties(&name).await.is_some());
        assert_eq!(
            (succeeded, there),
            (0, true),
            "batch {batch} is not acknowledged, so nothing is answered and deleted"
        );
        gate.let_through(1);
    }
    until("it is answered", || async { host.stats().succeeded == 1 }).await;
    assert!(world.properties(&name).await.is_none(), "deleted before it was answered");
    assert_eq!(world.numbers(), (0..100).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_failed_visit_is_answered_as_failed_so_that_its_message_comes_again() {
    let (world, name) = hundred_rows().await;
    world.axiom.faults().script([Fault::Pass]);
    let forbidden = rig::axiom::Refusal::new(403, "no").into();
    world.axiom.faults().always(Some(forbidden));
    let host = world.host().await;
    let answer = host.invoke("function-blob-trigger", &crate::support::invocation(&name, 1)).await;
    assert!(!answer.succeeded(), "{answer:?}");
    let body = String::from_utf8(answer.answer.expect("an answer").body.to_vec()).expect("UTF-8");
    assert!(body.contains("403"), "it says why: {body}");
    assert!(world.properties(&name).await.is_some(), "the blob stays");
}
