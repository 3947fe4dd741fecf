//! Blobs that grow, come late or come anew, under a visit and between visits.

use rig::axiom::{Fault, Gate};
use rig::writer::Kind;

use crate::support::{CONTAINER, TABLE, World, blob_name, row, rows, until};

/// Long enough that no blob settles during a test.
const NEVER: &str = "3600";

async fn sweep_until(host: &rig::host::Host, what: &str, holds: impl AsyncFn() -> bool) {
    until(what, || async {
        assert!(host.fire("function-sweep").await.expect("the timer fires").succeeded());
        holds().await
    })
    .await;
}

/// Waits until an append blob has been quiet for `SETTLE_AFTER` = 1.
async fn settled(world: &World, name: &str) {
    until("the blob is quiet", || async {
        let seen = world.properties(name).await.expect("the blob exists");
        seen.now - seen.modified >= time::Duration::seconds(2)
    })
    .await;
}

#[tokio::test]
async fn a_growing_blob_is_shipped_as_it_grows_and_deleted_once_it_is_settled() {
    let mut world = World::with_dataset().await;
    world.set("SETTLE_AFTER", "3");
    let (name, text) = (blob_name(0), rows(0..3));
    // The last line is not finished: it is held back until the blob is settled.
    world.put_append(&name, text.trim_end().as_bytes()).await;
    let host = world.host().await;
    world.wake(&name).await;
    until("the finished lines are delivered", || async { world.delivered(TABLE).len() >= 2 }).await;
    sweep_until(&host, "the settled blob is gone", async || world.properties(&name).await.is_none()).await;
    assert_eq!(world.delivered(TABLE).join("\n") + "\n", text);
    let stats = host.stop().await;
    assert_eq!((stats.violations, stats.poisoned, stats.error_lines), (vec![], 0, 0));
}

#[tokio::test]
async fn growth_during_a_visit_and_between_visits_arrives_once() {
    let mut world = World::with_dataset().await;
    world.set("SETTLE_AFTER", NEVER).set("BATCH_ROWS", "10").set("UPLOADS", "2");
    let (name, gate) = (blob_name(0), Gate::shut());
    world.put_append(&name, rows(0..100).as_bytes()).await;
    world.axiom.faults().always(Some(Fault::HoldBefore(gate.clone())));
    let host = world.host().await;
    world.wake(&name).await;
    // It grows before the first commit, before a later one, and after the last look.
    for (through, numbers) in [(0, 100..150), (2, 150..200), (4, 200..201)] {
        gate.let_through(through);
        until("both uploads wait", || async { gate.waiting() == 2 }).await;
        world.append(&name, rows(numbers).as_bytes()).await;
    }
    gate.open();
    sweep_until(&host, "all is delivered", async || world.numbers().len() >= 201).await;
    world.append(&name, rows(201..300).as_bytes()).await;
    sweep_until(&host, "the rest is delivered", async || world.numbers().len() >= 300).await;
    until("the visits end", || async { world.mark(&name, "axiom_claim").await.is_none() }).await;
    assert_eq!(world.numbers(), (0..300).collect::<Vec<_>>());
    assert_eq!(world.mark(&name, "axiom_shipped").await, Some(rows(0..300).len().to_string()));
    let stats = host.stop().await;
    assert_eq!((stats.violations, stats.redelivered), (vec![], 0), "growth is no failure");
}

#[tokio::test]
async fn metadata_that_is_not_ours_is_left_as_it_is() {
    let mut world = World::with_dataset().await;
    world.set("SETTLE_AFTER", NEVER);
    let name = blob_name(0);
    world.put_append(&name, rows(0..3).as_bytes()).await;
    let foreign =
        [("owner", "Contoso"), ("MixedCaseName", "A value; with=signs, 100%"), ("UPPER", "1"), ("number1", "0")];
    world.set_metadata(&name, &foreign).await;
    world.run_once().await;
    world.append(&name, rows(3..5).as_bytes()).await;
    world.run_once().await;
    let mut metadata = world.properties(&name).await.expect("the blob stays").metadata;
    assert_eq!(metadata.remove("axiom_shipped"), Some(rows(0..5).len().to_string()));
    assert_eq!(metadata.remove("axiom_rows").as_deref(), Some("5+0"));
    // Names of metadata are compared without regard to case.
    let expected = foreign.map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    assert_eq!(metadata, expected.into());
    assert_eq!(world.numbers(), [0, 1, 2, 3, 4]);
}

#[tokio::test]
async fn a_visit_that_finds_only_an_unfinished_line_writes_nothing() {
    let mut world = World::with_dataset().await;
    world.set("SETTLE_AFTER", NEVER);
    let (fresh, begun) = (blob_name(0), blob_name(5));
    // One that never had a whole line, and one of which the whole lines are delivered.
    world.put_append(&fresh, row(0).as_bytes()).await;
    world.put_append(&begun, (rows(1..3) + &row(3)[..40]).as_bytes()).await;
    let untouched = world.version(&fresh).await;
    world.run_once().await;
    assert_eq!(world.numbers(), [1, 2], "the unfinished line is held back");
    let version = world.version(&begun).await;
    for _ in 0..2 {
        world.run_once().await;
        assert_eq!((world.version(&fresh).await, world.version(&begun).await), (untouched.clone(), version.clone()));
    }
    // One is finished by the next append, the other by the quiet.
    world.append(&begun, (row(3)[40..].to_owned() + "\n").as_bytes()).await;
    world.run_once().await;
    assert_eq!(world.numbers(), [1, 2, 3]);
    world.set("SETTLE_AFTER", "1");
    until("both are gone", || async {
        world.run_once().await;
        world.properties(&fresh).await.is_none() && world.properties(&begun).await.is_none()
    })
    .await;
    assert_eq!(world.numbers(), [0, 1, 2, 3]);
    assert!(world.refused().await.is_empty());
}

#[tokio::test]
async fn a_late_row_reopens_an_old_blob() {
    let mut world = World::with_dataset().await;
    world.set("SETTLE_AFTER", NEVER);
    let name = blob_name(0).replace("d=24", "d=22");
    world.put_append(&name, rows(0..50).as_bytes()).await;
    world.run_once().await;
    // Two days late, while the blob is still there.
    world.append(&name, rows(50..51).as_bytes()).await;
    world.run_once().await;
    assert_eq!(world.numbers(), (0..51).collect::<Vec<_>>());
    world.set("SETTLE_AFTER", "1");
    until("it is gone", || async {
        world.run_once().await;
        world.properties(&name).await.is_none()
    })
    .await;
    // And later still: it is created anew, from byte 0.
    world.put_append(&name, rows(51..53).as_bytes()).await;
    world.run_once().await;
    assert_eq!(world.numbers(), (0..53).collect::<Vec<_>>());
}

/// A blob that is created anew with these rows while the visit waits for the answer to its first batch or, where the whole blob is one batch, to its last.
async fn a_new_blob_under_a_visit(kind: Kind, new: std::ops::Range<u64>, last: bool) {
    let mut world = World::with_dataset().await;
    world.set("BATCH_ROWS", if last { "100" } else { "5" }).set("UPLOADS", "2");
    let (name, gate) = (blob_name(0), Gate::shut());
    world.writer.put_blob(CONTAINER, &name, rows(100..120).as_bytes(), kind).await.expect("the emulator takes it");
    if kind == Kind::Append {
        settled(&world, &name).await;
    }
    let held = if last { 1 } else { 2 };
    world.axiom.faults().script((0..held).map(|_| Fault::HoldAfter(gate.clone())));
    let host = world.host().await;
    world.wake(&name).await;
    until("what is under way is held", || async { gate.waiting() == held }).await;
    world.replace(&name, rows(new.clone()).as_bytes(), kind).await;
    gate.open();
    let label = format!("{kind:?}, rows {new:?}");
    sweep_until(&host, &format!("the new blob is gone ({label})"), async || world.properties(&name).await.is_none())
        .await;
    let arrived: Vec<_> = world.numbers().into_iter().filter(|number| new.contains(number)).collect();
    assert_eq!(arrived, new.collect::<Vec<_>>(), "each row of the new blob arrives, once ({label})");
    assert_eq!(host.stop().await.violations, Vec::<String>::new());
    assert!(world.refused().await.is_empty());
}

#[tokio::test]
async fn a_longer_blob_created_anew_during_a_visit_is_shipped_from_its_start() {
    a_new_blob_under_a_visit(Kind::Append, 200..245, false).await;
}

#[tokio::test]
async fn a_shorter_blob_created_anew_during_a_visit_is_shipped_from_its_start() {
    a_new_blob_under_a_visit(Kind::Append, 200..203, false).await;
}

#[tokio::test]
async fn an_equally_long_blob_created_anew_during_a_visit_is_shipped_from_its_start() {
    a_new_blob_under_a_visit(Kind::Append, 200..220, false).await;
}

#[tokio::test]
async fn a_blob_created_anew_just_before_the_delete_is_not_deleted_unread() {
    a_new_blob_under_a_visit(Kind::Block, 200..220, true).await;
    a_new_blob_under_a_visit(Kind::Append, 200..220, true).await;
}

#[tokio::test]
async fn a_new_blob_that_inherits_the_marks_of_the_old_one_is_not_taken_for_it() {
    let mut world = World::with_dataset().await;
    world.set("BATCH_ROWS", "5").set("UPLOADS", "1");
    let (name, gate) = (blob_name(0), Gate::shut());
    world.put(&name, rows(100..120).as_bytes()).await;
    world.axiom.faults().script([Fault::Pass, Fault::HoldAfter(gate.clone())]);
    let visit = world.spawn(&["run", "--once"]);
    until("the second batch is held", || async { gate.waiting() == 1 }).await;
    let old = world.properties(&name).await.expect("the blob exists");
    // Creation times are told in whole seconds.
    until("a second is over", || async {
        world.replace(&name, rows(200..220).as_bytes(), Kind::Block).await;
        world.properties(&name).await.is_some_and(|new| new.created != old.created)
    })
    .await;
    // As a copy that keeps the metadata would have it: claim and offset of the old one.
    let marks: Vec<_> = old.metadata.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    world.set_metadata(&name, &marks).await;
    let version = world.version(&name).await;
    gate.open();
    let ran = visit.end().await;
    assert_eq!(ran.code, Some(1), "{}", ran.output);
    assert_eq!(world.version(&name).await, version, "the visit writes nothing to the other blob");
}

#[tokio::test]
async fn a_read_ends_where_the_blob_is_replaced() {
    let world = World::with_dataset().await;
    let name = blob_name(0);
    world.put(&name, rows(0..5).as_bytes()).await;
    let old = world.properties(&name).await.expect("the blob exists");
    until("a second is over", || async {
        world.replace(&name, rows(5..10).as_bytes(), Kind::Block).await;
        world.properties(&name).await.is_some_and(|new| new.created != old.created)
    })
    .await;
    let read = world.blobs.read(CONTAINER, &name, 0, old.length, old.created).next().await;
    let error = read.expect_err("bytes of another blob").to_string();
    assert!(error.contains("deleted or replaced"), "{error}");
}

#[tokio::test]
async fn a_blob_that_grows_at_the_moment_of_the_delete_stays_until_the_rest_is_shipped() {
    let world = World::with_dataset().await;
    let (name, gate) = (blob_name(0), Gate::shut());
    world.put_append(&name, rows(0..10).as_bytes()).await;
    settled(&world, &name).await;
    world.axiom.faults().script([Fault::HoldAfter(gate.clone())]);
    let host = world.host().await;
    world.wake(&name).await;
    until("the last batch is held", || async { gate.waiting() == 1 }).await;
    world.append(&name, rows(10..12).as_bytes()).await;
    gate.open();
    until("the visit is over", || async { world.queue.length().await.expect("the queue answers") == 0 }).await;
    assert_eq!(world.mark(&name, "axiom_shipped").await, Some(rows(0..10).len().to_string()), "it stays");
    assert_eq!(world.mark(&name, "axiom_claim").await, None, "and nobody is at it");
    sweep_until(&host, "the blob is gone", async || world.properties(&name).await.is_none()).await;
    assert_eq!(world.numbers(), (0..12).collect::<Vec<_>>());
    assert_eq!(host.stop().await.redelivered, 0, "growth is no failure");
}

#[tokio::test]
async fn keep_never_deletes() {
    let mut world = World::with_dataset().await;
    world.set("AFTER_DELIVERY", "keep");
    let (block, append) = (blob_name(0), blob_name(5));
    world.put(&block, rows(0..5).as_bytes()).await;
    world.put_append(&append, rows(5..10).as_bytes()).await;
    world.run_once().await;
    settled(&world, &append).await;
    let versions = (world.version(&block).await, world.version(&append).await);
    for _ in 0..2 {
        world.run_once().await;
    }
    assert_eq!((world.version(&block).await, world.version(&append).await), versions, "nothing is written either");
    world.append(&append, rows(10..11).as_bytes()).await;
    world.run_once().await;
    assert_eq!(world.numbers(), (0..11).collect::<Vec<_>>(), "and what is appended is shipped");
}

#[tokio::test]
async fn a_skipped_table_stays() {
    let mut world = World::with_dataset().await;
    world.set("TABLES_EXCEPT", "SecurityEvent");
    let name = blob_name(0);
    world.put(&name, rows(0..5).as_bytes()).await;
    let other = r#"{"TimeGenerated":"2026-11-24T10:00:00Z","Type":"Syslog"}"#;
    world.writer.put_blob("am-syslog", &name, other.as_bytes(), Kind::Block).await.expect("the emulator takes it");
    let version = world.version(&name).await;
    world.run_once().await;
    let host = world.host().await;
    assert!(host.fire("function-sweep").await.expect("the timer fires").succeeded());
    assert!(host.invoke("function-blob-trigger", &crate::support::invocation(&name, 1)).await.succeeded());
    assert_eq!(world.delivered("Syslog"), [other]);
    assert!(world.delivered(TABLE).is_empty());
    assert_eq!(world.version(&name).await, version, "not even looked at twice");
    assert!(world.blobs.properties("am-syslog", &name).await.expect("the emulator answers").is_none());
}
