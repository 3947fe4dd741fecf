//! Two visits at one blob.

use rig::axiom::{Fault, Gate, Refusal, RetryAfter};
use rig::host::Verdict;

use crate::support::{World, blob_name, invocation, rows, until};

const FUNCTION: &str = "function-blob-trigger";

/// A world whose blob of 20 rows makes four batches, sent one after the other.
async fn four_batches() -> (World, String) {
    let mut world = World::with_dataset().await;
    world.set("BATCH_ROWS", "5").set("UPLOADS", "1");
    let name = blob_name(0);
    world.put(&name, rows(0..20).as_bytes()).await;
    (world, name)
}

#[tokio::test]
async fn a_second_visit_leaves_a_claimed_blob_alone_and_succeeds() {
    let (world, name) = four_batches().await;
    let gate = Gate::shut();
    world.axiom.faults().script([Fault::HoldBefore(gate.clone())]);
    let host = world.host().await;
    let body = invocation(&name, 1);
    let (first, second) = tokio::join!(host.invoke(FUNCTION, &body), async {
        until("the first visit is at it", || async { gate.waiting() == 1 }).await;
        let version = world.version(&name).await;
        let second = host.invoke(FUNCTION, &body).await;
        assert_eq!(world.version(&name).await, version, "the second visit writes nothing");
        gate.open();
        second
    });
    let Verdict::Succeeded(logs) = &second.verdict else { panic!("{second:?}") };
    assert!(logs.iter().any(|line| line.contains("another visit is at it")), "{logs:?}");
    assert!(first.succeeded(), "{first:?}");
    assert_eq!(world.numbers(), (0..20).collect::<Vec<_>>());
    assert!(world.properties(&name).await.is_none());
}

#[tokio::test]
async fn a_claim_holds_until_its_end_and_not_longer() {
    let (world, name) = four_batches().await;
    world.set_metadata(&name, &[("axiom_claim", "someone@99999999999")]).await;
    let version = world.version(&name).await;
    world.run_once().await;
    assert_eq!((world.version(&name).await, world.arrived().len()), (version, 0), "claimed by a visit that lives");
    world.set_metadata(&name, &[("axiom_claim", "someone@1"), ("axiom_shipped", &rows(0..5).len().to_string())]).await;
    world.run_once().await;
    assert_eq!(world.numbers(), (5..20).collect::<Vec<_>>(), "taken over where that one was");
    assert!(world.properties(&name).await.is_none());
}

#[tokio::test]
async fn a_visit_that_lost_its_claim_to_another_stops_at_once_and_writes_nothing() {
    let (world, name) = four_batches().await;
    let gate = Gate::shut();
    world.axiom.faults().always(Some(Fault::HoldAfter(gate.clone())));
    let late = world.spawn(&["run", "--once"]);
    until("its first batch is held", || async { gate.waiting() == 1 }).await;
    world.set_metadata(&name, &[("axiom_claim", "other@99999999999"), ("axiom_shipped", "0")]).await;
    let version = world.version(&name).await;
    gate.open();
    let ran = late.end().await;
    assert_eq!(ran.code, Some(1), "{}", ran.output);
    assert!(ran.output.contains("not this visit's any more"), "{}", ran.output);
    assert_eq!(world.version(&name).await, version, "neither committed nor deleted nor released");
    let begun = world.arrived().len();
    assert!(begun <= 10, "what was sent, and what may have been on its way: {begun} rows");
}

#[tokio::test]
async fn a_visit_that_comes_back_late_does_not_disturb_the_one_that_took_over() {
    let (world, name) = four_batches().await;
    let (first, second) = (Gate::shut(), Gate::shut());
    world.axiom.faults().script([Fault::HoldAfter(first.clone()), Fault::Pass, Fault::HoldAfter(second.clone())]);
    let late = world.spawn(&["run", "--once"]);
    until("its first batch is held", || async { first.waiting() == 1 }).await;
    world.expire_claim(&name).await;
    let next = world.spawn(&["run", "--once"]);
    until("the next visit is at its second batch", || async { second.waiting() == 1 }).await;
    let version = world.version(&name).await;
    first.open();
    let late = late.end().await;
    assert_eq!(late.code, Some(1), "{}", late.output);
    assert_eq!(world.version(&name).await, version, "the claim of the next visit is untouched");
    second.open();
    let next = next.end().await;
    assert_eq!(next.code, Some(0), "{}", next.output);
    assert_eq!(world.distinct(), (0..20).collect::<Vec<_>>());
    assert!(world.arrived().len() <= 30, "at most what the late visit had in flight is there twice");
    assert!(world.properties(&name).await.is_none());
}

#[tokio::test]
async fn a_claim_is_given_up_after_a_failure() {
    // What only people can mend, and what will pass, but not within this visit.
    let later = Refusal::new(503, "later").retry_after(RetryAfter::Seconds(600));
    for (what, refusal) in [("forbidden", Refusal::new(403, "no")), ("later", later)] {
        let (world, name) = four_batches().await;
        world.axiom.faults().script([Fault::Pass]);
        world.axiom.faults().always(Some(refusal.into()));
        let ran = world.run(&["run", "--once"]).await;
        assert_eq!(ran.code, Some(1), "{what}: {}", ran.output);
        assert_eq!(world.mark(&name, "axiom_claim").await, None, "{what}");
        assert_eq!(world.mark(&name, "axiom_shipped").await, Some(rows(0..5).len().to_string()), "{what}");
        world.axiom.faults().clear();
        world.run_once().await;
        assert_eq!(
            world.numbers(),
            (0..20).collect::<Vec<_>>(),
            "{what}: the next visit goes on at once, where it was"
        );
    }
}
