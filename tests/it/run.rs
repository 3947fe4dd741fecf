//! `run` in a loop: how it ends, and how much it does at a time.

use rig::axiom::{Fault, Gate};

use crate::support::{World, blob_name, rows, until};

/// Eight blobs of four batches each, two visits of two uploads at a time.
async fn eight_blobs() -> World {
    let mut world = World::with_dataset().await;
    world.set("VISITS", "2").set("UPLOADS", "2").set("BATCH_ROWS", "5").set("RUN_EVERY", "1");
    for minute in 0..8 {
        let first = u64::from(minute) * 20;
        world.put(&blob_name(minute), rows(first..first + 20).as_bytes()).await;
    }
    world
}

async fn asked_to_end_with(signal: &str) {
    let world = eight_blobs().await;
    let gate = Gate::shut();
    world.axiom.faults().always(Some(Fault::HoldAfter(gate.clone())));
    let run = world.spawn(&["run"]);
    until("all uploads are held", || async { gate.waiting() == 4 }).await;
    run.signal(signal).await;
    until("it has heard", || async { run.said("asked to end") }).await;
    gate.open();
    let ran = run.end().await;
    assert_eq!(ran.code, Some(0), "{}", ran.output);
    // What was in flight was finished and committed, the rest was not begun, and no blob is claimed.
    let numbers = world.numbers();
    assert!((20..160).contains(&numbers.len()), "it ended before its work did: {} rows", numbers.len());
    for minute in 0..8 {
        let Some(properties) = world.properties(&blob_name(minute)).await else { continue };
        assert_eq!(properties.metadata.get("axiom_claim"), None, "minute {minute}");
        let first = u64::from(minute) * 20;
        let arrived = numbers.iter().filter(|number| (first..first + 20).contains(number)).count() as u64;
        let shipped = (arrived > 0).then(|| rows(first..first + arrived).len().to_string());
        assert_eq!(properties.metadata.get("axiom_shipped"), shipped.as_ref(), "minute {minute}");
    }
    world.axiom.faults().clear();
    world.run_once().await;
    assert_eq!(world.numbers(), (0..160).collect::<Vec<_>>(), "nothing is lost, nothing is doubled");
}

#[tokio::test]
async fn sigterm_ends_run_in_good_order() {
    asked_to_end_with("TERM").await;
}

#[tokio::test]
async fn sigint_ends_run_in_good_order() {
    asked_to_end_with("INT").await;
}

#[tokio::test]
async fn a_claim_is_given_up_even_if_axiom_never_answers() {
    let world = eight_blobs().await;
    let gate = Gate::shut();
    world.axiom.faults().always(Some(Fault::HoldAfter(gate.clone())));
    let run = world.spawn(&["run"]);
    until("all uploads are held", || async { gate.waiting() == 4 }).await;
    run.signal("TERM").await;
    let ran = run.end().await;
    assert_eq!(ran.code, Some(0), "{}", ran.output);
    for minute in 0..8 {
        let properties = world.properties(&blob_name(minute)).await.expect("nothing was committed");
        assert_eq!(properties.metadata.get("axiom_claim"), None, "minute {minute}");
    }
    gate.open();
    world.axiom.faults().clear();
    world.run_once().await;
    assert_eq!(world.distinct(), (0..160).collect::<Vec<_>>(), "nothing is lost");
    assert_eq!(world.numbers().len(), 160 + 4 * 5, "the four batches without an answer came again, and nothing else");
}

#[tokio::test]
async fn run_that_waits_for_the_next_sweep_ends_at_once() {
    let mut world = World::with_dataset().await;
    world.set("RUN_EVERY", "86400");
    world.put(&blob_name(0), rows(0..5).as_bytes()).await;
    let run = world.spawn(&["run"]);
    until("the first round is over", || async { run.said("round") }).await;
    run.signal("TERM").await;
    let ran = run.end().await;
    assert_eq!(ran.code, Some(0), "{}", ran.output);
    assert_eq!(world.numbers(), [0, 1, 2, 3, 4]);
}

#[tokio::test]
async fn no_more_visits_and_uploads_are_under_way_than_set() {
    let world = eight_blobs().await;
    let gate = Gate::shut();
    world.axiom.faults().always(Some(Fault::HoldBefore(gate.clone())));
    let run = world.spawn(&["run"]);
    until("the uploads are full", || async { gate.waiting() == 4 }).await;
    for arrived in 0..12 {
        let mut claimed = 0;
        for minute in 0..8 {
            let properties = world.properties(&blob_name(minute)).await;
            claimed += usize::from(properties.is_some_and(|blob| blob.metadata.contains_key("axiom_claim")));
        }
        assert!((1..=2).contains(&claimed), "{claimed} visits after {arrived} batches");
        gate.let_through(1);
        until("one batch more has arrived", || async { world.arrived().len() == (arrived + 1) * 5 }).await;
    }
    gate.open();
    until("all is delivered", || async { world.arrived().len() == 160 }).await;
    assert_eq!(gate.most_waiting(), 4, "two visits with two uploads each");
    run.signal("TERM").await;
    assert_eq!(run.end().await.code, Some(0));
    assert_eq!(world.numbers(), (0..160).collect::<Vec<_>>());
}
