//! Rows that are set aside: shown, sent again, never lost.

use rig::axiom::{Fault, Gate, Refusal};

use crate::support::{CONTAINER, TABLE, World, blob_name, row, rows, until};

/// Legal JSON that Axiom does not take.
const SURROGATE: &str = r#"{"EventID":666,"a":"\ud800","Type":"SecurityEvent"}"#;

/// A row of more than 1 KiB with this number.
fn long(number: u64) -> String {
    row(number).replace("\"TenantId\":\"t\"", &format!("\"TenantId\":\"{}\"", "t".repeat(1024)))
}

/// A world in which the rows 7 and 8 are set aside, since `ROW_BYTES` is too small for them.
async fn with_long_rows() -> World {
    let mut world = World::with_dataset().await;
    world.set("ROW_BYTES", "1024");
    let text = [row(0), long(7), row(1), long(8), row(2)].join("\n");
    world.put(&blob_name(0), text.as_bytes()).await;
    world.run_once().await;
    assert_eq!((world.numbers(), world.refused().await.len()), (vec![0, 1, 2], 2));
    world
}

#[tokio::test]
async fn nothing_set_aside_is_shown_as_that_and_replays_to_nothing() {
    let world = World::with_dataset().await;
    // The container is created when it is first needed.
    let list = world.run(&["refused", "list"]).await;
    assert_eq!((list.code, list.output.trim()), (Some(0), "nothing is set aside"));
    let rows = world.run(&["refused", "list", "--rows"]).await;
    assert_eq!((rows.code, rows.output.trim()), (Some(0), ""));
    let replay = world.run(&["refused", "replay"]).await;
    assert_eq!((replay.code, replay.output.trim()), (Some(0), "0 rows delivered, 0 stay set aside"));
}

#[tokio::test]
async fn rows_set_aside_are_listed_with_their_reason() {
    let world = with_long_rows().await;
    world.put(&blob_name(5), format!("{}\nnope\n{SURROGATE}\n", row(3)).as_bytes()).await;
    world.run_once().await;
    let list = world.run(&["refused", "list"]).await;
    assert_eq!(list.code, Some(0));
    for reason in ["larger than 1024 bytes", "not valid JSON at byte 2", "SecurityEvent: Axiom: "] {
        assert!(list.output.contains(reason), "{reason}: {}", list.output);
    }
    let prefix = format!("{CONTAINER}/{}", blob_name(0));
    let listed = world.run(&["refused", "list", &prefix, "--rows"]).await;
    assert_eq!(listed.code, Some(0));
    let records: Vec<serde_json::Value> =
        listed.output.lines().map(|line| serde_json::from_str(line).expect("each row is a line of JSON")).collect();
    let shown: Vec<_> = records.iter().map(|record| record["row"].as_str().expect("UTF-8")).collect();
    assert_eq!(shown, [long(7), long(8)], "the rows of that source alone, with all their bytes");
    assert!(records.iter().all(|record| record["blob"] == prefix && record["dataset"] == TABLE));
    assert_eq!(records[0]["offset"], row(0).len() as u64 + 1);
}

#[tokio::test]
async fn a_replay_after_the_cause_is_gone_delivers_and_removes_the_records() {
    let mut world = with_long_rows().await;
    world.set("ROW_BYTES", "4096");
    let replay = world.run(&["refused", "replay"]).await;
    assert_eq!((replay.code, replay.output.contains("2 rows delivered, 0 stay set aside")), (Some(0), true));
    let delivered = world.delivered(TABLE);
    assert_eq!(delivered[3..], [long(7), long(8)], "the same bytes");
    assert!(world.refused().await.is_empty());
    let list = world.run(&["refused", "list"]).await;
    assert_eq!(list.output.trim(), "nothing is set aside");
    let origins: Vec<_> = world.axiom.events(TABLE).iter().map(|event| event["source_blob"].clone()).collect();
    assert!(origins.iter().all(|origin| *origin == origins[0]), "where they came from is kept: {origins:?}");
}

#[tokio::test]
async fn a_replay_while_the_cause_stays_keeps_the_records() {
    let world = with_long_rows().await;
    world.put(&blob_name(5), format!("{}\n{SURROGATE}\nnope\n", row(3)).as_bytes()).await;
    world.run_once().await;
    let before = world.refused().await;
    for _ in 0..2 {
        let replay = world.run(&["refused", "replay"]).await;
        assert!(replay.output.contains("0 rows delivered, 4 stay set aside"), "{}", replay.output);
        assert_eq!(replay.code, Some(0), "it did what can be done");
    }
    let after = world.refused().await;
    let rows = |records: &[sentinel_axiom::refused::Record]| -> Vec<_> {
        records
            .iter()
            .map(|record| (record.blob.clone(), record.offset, record.bytes(), record.reason.clone()))
            .collect()
    };
    assert_eq!(rows(&after), rows(&before));
    assert_eq!(world.numbers(), [0, 1, 2, 3]);
}

#[tokio::test]
async fn a_replay_that_axiom_does_not_answer_well_fails_and_keeps_everything() {
    let mut world = with_long_rows().await;
    world.set("ROW_BYTES", "4096");
    world.axiom.faults().always(Some(Refusal::new(403, "no").into()));
    let replay = world.run(&["refused", "replay"]).await;
    assert_eq!(replay.code, Some(1), "{}", replay.output);
    assert_eq!((world.refused().await.len(), world.arrived().len()), (2, 3));
    world.axiom.faults().clear();
    assert_eq!(world.run(&["refused", "replay"]).await.code, Some(0));
    assert_eq!((world.refused().await.len(), world.numbers()), (0, vec![0, 1, 2, 7, 8]));
}

#[tokio::test]
async fn rows_that_stay_refused_do_not_keep_those_behind_them_from_being_sent() {
    let mut world = World::with_dataset().await;
    world.set("ROW_BYTES", "1024").set("VISITS", "1");
    // More blobs with a row that Axiom never takes than a delivery believes in, then one whose cause will be gone.
    for minute in 0..20 {
        world.put(&blob_name(minute), format!("{}\n{SURROGATE}\n", row(u64::from(minute))).as_bytes()).await;
    }
    world.put(&blob_name(59), long(59).as_bytes()).await;
    world.run_once().await;
    let refused = world.refused().await;
    assert_eq!((refused.len(), refused.iter().all(|record| record.dataset == TABLE)), (21, true));
    world.set("ROW_BYTES", "4096");
    let replay = world.run(&["refused", "replay"]).await;
    assert!(world.numbers().contains(&59), "the row that can be delivered is not: {}", replay.output);
    assert_eq!(world.refused().await.len(), 20, "and the others stay");
}

#[tokio::test]
async fn a_batch_of_which_axiom_took_a_part_is_set_aside_whole_and_sent_again_only_on_request() {
    let mut world = World::with_dataset().await;
    world.set("BATCH_ROWS", "10");
    world.put(&blob_name(0), rows(0..30).as_bytes()).await;
    world.axiom.faults().script([Fault::FailRows(2)]);
    world.run_once().await;
    assert!(world.properties(&blob_name(0)).await.is_none(), "all is in Axiom or set aside");
    assert_eq!(world.arrived().len(), 28);
    let refused = world.refused().await;
    assert_eq!((refused.len(), refused.iter().all(|record| record.perhaps_delivered)), (10, true));
    let replay = world.run(&["refused", "replay"]).await;
    assert_eq!((replay.code, world.arrived().len()), (Some(0), 28), "not without being asked: eight would be doubled");
    let replay = world.run(&["refused", "replay", "--perhaps-delivered"]).await;
    assert_eq!((replay.code, world.arrived().len()), (Some(0), 38));
    assert_eq!(world.distinct(), (0..30).collect::<Vec<_>>(), "no row is missing");
    assert!(world.refused().await.is_empty());
}

#[tokio::test]
async fn a_replay_killed_in_the_middle_loses_no_row() {
    // Before Axiom has stored the rows, and after, when nobody can know.
    for stored in [false, true] {
        let mut world = with_long_rows().await;
        world.set("ROW_BYTES", "4096");
        let gate = Gate::shut();
        let hold = if stored { Fault::HoldAfter(gate.clone()) } else { Fault::HoldBefore(gate.clone()) };
        world.axiom.faults().script([hold]);
        let replay = world.spawn(&["refused", "replay"]);
        until("the rows are under way", || async { gate.waiting() == 1 }).await;
        replay.signal("KILL").await;
        assert_eq!(replay.end().await.code, None, "killed");
        until("the request is given up", || async { gate.waiting() == 0 }).await;
        assert_eq!(world.refused().await.len(), 2, "the records stay");
        let replay = world.run(&["refused", "replay"]).await;
        assert_eq!(replay.code, Some(0), "{}", replay.output);
        assert_eq!(world.distinct(), [0, 1, 2, 7, 8]);
        assert_eq!(world.arrived().len(), if stored { 7 } else { 5 }, "twice at most");
        assert!(world.refused().await.is_empty());
    }
}
