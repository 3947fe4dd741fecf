//! `pull`: rows of tables that export cannot carry, each once, and what is said where something is wrong.

use std::collections::{BTreeMap, BTreeSet};

use rig::hunting::{Fault, Table as Hunted};
use rig::loganalytics::{Kind, Table};
use serde_json::{Value, json};

use crate::support::pulls::{Sources, number, pull, sources, sources_with};
use crate::support::{Ran, World, until};

const COLUMNS: [(&str, Kind); 3] =
    [("TimeGenerated", Kind::DateTime), ("Number", Kind::Long), ("Props_s", Kind::String)];

/// A row of a custom table, generated at this minute of the new year.
fn row(number: u64, minute: u64) -> Value {
    json!({"TimeGenerated": time(minute), "Number": number, "Props_s": "a", "_ItemId": format!("i-{number}")})
}

fn time(minute: u64) -> String {
    format!("2026-01-01T{:02}:{:02}:00.0000000Z", minute / 60, minute % 60)
}

/// A world with the custom table `T_CL` and its pull, which begins at the new year.
async fn custom(more: &str) -> (World, Sources) {
    custom_with(more, Default::default()).await
}

async fn custom_with(more: &str, options: rig::loganalytics::Options) -> (World, Sources) {
    let mut world = World::new().await;
    let options = rig::loganalytics::Options { rate: 1_000_000, ..options };
    let sources = sources_with(&mut world, Default::default(), options).await;
    sources.workspace.add(Table::new("T_CL", &COLUMNS).hidden(&[("_ItemId", Kind::String)]));
    let more = format!("table = \"T_CL\"\nstart = \"2026-01-01\"\n{more}");
    world.set("PULLS", pull("t", "log-analytics", "incremental", &more));
    (world, sources)
}

/// How often each number arrived.
fn numbers(world: &World, dataset: &str) -> BTreeMap<u64, usize> {
    let mut numbers = BTreeMap::new();
    for event in world.axiom.events(dataset) {
        *numbers.entry(event["Number"].as_u64().expect("a number")).or_insert(0) += 1;
    }
    numbers
}

fn once(numbers: impl IntoIterator<Item = u64>) -> BTreeMap<u64, usize> {
    numbers.into_iter().map(|number| (number, 1)).collect()
}

fn says(ran: &Ran, words: &str) {
    assert!(ran.output.contains(words), "{words:?} is not in\n{}", ran.output);
}

#[tokio::test]
async fn a_custom_table_comes_by_the_time_it_was_taken_in_each_row_once() {
    let (world, Sources { workspace, .. }) = custom("").await;
    let rows = |numbers: std::ops::Range<u64>| numbers.map(|number| row(number, 0)).collect::<Vec<_>>();
    // Taken in an hour after they were generated, and all in one tick.
    workspace.append_values_at("T_CL", &rows(0..50), &time(60)).unwrap();
    world.pull("t", &time(70)).await;
    assert_eq!(numbers(&world, "T_CL"), once(0..50));
    // Late, in the same tick; some minutes before what was reached; and after it.
    workspace.append_values_at("T_CL", &rows(50..60), &time(60)).unwrap();
    workspace.append_values_at("T_CL", &rows(60..70), &time(58)).unwrap();
    workspace.append_values_at("T_CL", &rows(70..80), &time(71)).unwrap();
    // Too young still: others may come before it.
    workspace.append_values_at("T_CL", &rows(80..90), &time(76)).unwrap();
    world.pull("t", &time(78)).await;
    assert_eq!(numbers(&world, "T_CL"), once(0..80));
    world.pull("t", &time(90)).await;
    world.pull("t", &time(91)).await;
    assert_eq!(numbers(&world, "T_CL"), once(0..90));
    let event = &world.axiom.events("T_CL")[0];
    assert!(event.contains_key("_ItemId") && !event.contains_key("_PulledAt"), "{event:?}");
    let records = world.records("t");
    assert_eq!(records.iter().map(|record| number(record, "rows")).collect::<Vec<_>>(), [50, 30, 10, 0]);
    assert!(records.iter().all(|record| record["status"] == "done" && number(record, "perhaps_twice") == 0));
}

#[tokio::test]
async fn rows_of_one_tick_that_are_more_than_a_reply_may_have_come_in_parts() {
    let narrow = rig::loganalytics::Options { rows_max: 100, ..Default::default() };
    let (world, Sources { workspace, .. }) = custom_with("", narrow).await;
    let rows: Vec<_> = (0..700).map(|number| row(number, 0)).collect();
    workspace.append_values_at("T_CL", &rows, &time(60)).unwrap();
    workspace.append_values_at("T_CL", &[row(700, 0)], &time(61)).unwrap();
    world.pull("t", &time(90)).await;
    assert_eq!(numbers(&world, "T_CL"), once(0..701));
}

/// Defect (a) of the seed: a crash after the first page skipped every older row for ever. And (c), (d): pages that shift while they are read.
#[tokio::test]
async fn a_crash_anywhere_loses_no_row_and_repeats_only_what_was_on_its_way() {
    // Small pages, so that there are many of them.
    let narrow = rig::loganalytics::Options { rows_max: 60, ..Default::default() };
    let (mut world, Sources { workspace, .. }) = custom_with("lag = \"0s\"", narrow).await;
    // Ties everywhere: ten rows a tick.
    for minute in 0..120 {
        let rows: Vec<_> = (0..10).map(|number| row(minute * 10 + number, minute)).collect();
        workspace.append_values_at("T_CL", &rows, &time(minute)).unwrap();
    }
    // Their size changes now and then, and the workspace is slow, so that kills find something to hit.
    workspace.faults().only(Some("| take"));
    let slow = Fault::Slow(std::time::Duration::from_millis(100));
    workspace.faults().random(3, vec![(0.1, Fault::Partial), (0.9, slow)]);
    world.set("CLAIM_FOR", "5");
    let run = ["pull", "run", "t", "--once", "--as-of", "2026-01-01T03:00:00Z"];
    let mut kills = 0;
    while kills < 6 {
        let (before, running) = (world.axiom.requests().len(), world.spawn(&run));
        let (axiom, taken) = (&world.axiom, || running.said("another run is at it"));
        // The claim of a run that was killed ends by itself.
        let under_way = || async { taken() || running.is_over() || axiom.requests().len() > before + kills % 3 };
        until("rows are on their way", under_way).await;
        if !taken() {
            kills += usize::from(running.kill().await);
        }
        if running.end().await.output.contains("a pull is done") {
            break;
        }
    }
    assert!(kills >= 3, "only {kills} runs were killed");
    let mut ran = world.run(&run).await;
    while ran.output.contains("another run is at it") {
        ran = world.run(&run).await;
    }
    assert_eq!(ran.code, Some(0), "{}", ran.output);
    let numbers = numbers(&world, "T_CL");
    assert_eq!(numbers.len(), 1200, "rows are lost: {:?}", world.records("t"));
    let twice: u64 = numbers.values().map(|times| *times as u64 - 1).sum();
    let told: u64 = world.records("t").iter().map(|record| number(record, "perhaps_twice")).sum();
    assert!(twice <= told, "{twice} rows came twice, and {told} were told");
    assert!(world.records("t").iter().any(|record| record["status"] == "broke-off"), "no run broke off");
}

#[tokio::test]
async fn rows_that_went_again_because_an_answer_was_lost_are_counted() {
    let (world, Sources { workspace, .. }) = custom("").await;
    workspace.append_values_at("T_CL", &[row(1, 0), row(2, 0)], &time(60)).unwrap();
    // The first request finds that there is no dataset yet.
    world.axiom.faults().script([rig::axiom::Fault::Pass, rig::axiom::Fault::ResetAfter]);
    world.pull("t", &time(70)).await;
    assert_eq!(numbers(&world, "T_CL"), BTreeMap::from([(1, 2), (2, 2)]));
    assert_eq!(number(&world.records("t")[0], "perhaps_twice"), 2);
}

/// Defect (b): rows with the very time that was reached were dropped.
#[tokio::test]
async fn a_row_with_the_time_that_was_reached_is_not_lost() {
    let mut world = World::new().await;
    let Sources { hunting, .. } = sources(&mut world).await;
    hunting.set_now("2026-01-02T00:00:00Z").unwrap();
    hunting.add(Hunted::new("DeviceEvents", &[("Timestamp", Kind::DateTime), ("Number", Kind::Long)]));
    let event = |number: u64, minute: u64| json!({"Timestamp": time(minute), "Number": number});
    let more =
        "table = \"DeviceEvents\"\nwatermark = \"Timestamp\"\nstart = \"2026-01-01\"\nlag = \"0s\"\noverlap = \"5m\"";
    world.set("PULLS", pull("e", "hunting", "incremental", more));
    hunting.append_values("DeviceEvents", &[event(1, 10), event(2, 20)]).unwrap();
    world.pull("e", &time(20)).await;
    assert_eq!(numbers(&world, "DeviceEvents"), once([1]), "a row of the very end waits");
    // Two rows that are alike in all are two rows.
    hunting.append_values("DeviceEvents", &[event(3, 20), event(4, 20), event(4, 20), event(5, 16)]).unwrap();
    world.pull("e", &time(21)).await;
    world.pull("e", &time(22)).await;
    let mut wanted = once(1..6);
    wanted.insert(4, 2);
    assert_eq!(numbers(&world, "DeviceEvents"), wanted);
    let stamped = world.axiom.events("DeviceEvents");
    assert!(stamped.iter().all(|event| event["TimeGenerated"] == event["Timestamp"]), "{stamped:?}");
}

/// Rows of an inventory, by device.
fn inventory(devices: std::ops::Range<u64>) -> Vec<Value> {
    devices
        .map(
            |device| json!({"DeviceId": format!("d-{device}"), "Number": device, "Tags": {"a": [device]}, "Empty": ""}),
        )
        .collect()
}

fn snapshot(more: &str) -> String {
    pull("inventory", "hunting", "snapshot", &format!("table = \"Inventory\"\nkey = \"DeviceId\"\n{more}"))
}

/// A world with an inventory in advanced hunting, and its pull.
async fn hunted(rows: &[Value]) -> (World, Sources) {
    hunted_with(rows, Default::default()).await
}

async fn hunted_with(rows: &[Value], options: rig::hunting::Options) -> (World, Sources) {
    let mut world = World::new().await;
    let options = rig::hunting::Options { rate: 1_000_000, ..options };
    world.set("HUNTING_CALLS", "1000");
    let sources = sources_with(&mut world, options, Default::default()).await;
    let columns =
        [("DeviceId", Kind::String), ("Number", Kind::Long), ("Tags", Kind::Dynamic), ("Empty", Kind::String)];
    sources.hunting.add(Hunted::timeless("Inventory", &columns));
    sources.hunting.replace("Inventory", rows).unwrap();
    world.set("PULLS", snapshot(""));
    (world, sources)
}

/// The numbers of each complete snapshot, in the order of the runs.
fn snapshots(world: &World) -> Vec<BTreeSet<u64>> {
    let complete = world.records("inventory").into_iter().filter(|record| record["status"] == "done");
    let of = |id: Value| {
        let rows = world.axiom.events("Inventory").into_iter().filter(move |event| event["snapshot_id"] == id);
        rows.map(|event| event["Number"].as_u64().expect("a number")).collect()
    };
    complete.map(|record| of(record["snapshot"].clone())).collect()
}

/// Defect (h): rows that vanished were never noticed.
#[tokio::test]
async fn a_snapshot_is_whole_and_what_vanished_is_missing_in_the_next() {
    let (world, Sources { hunting, .. }) = hunted(&inventory(0..500)).await;
    world.pull("inventory", &time(0)).await;
    hunting.replace("Inventory", &inventory(100..600)).unwrap();
    world.pull("inventory", &time(60)).await;
    assert_eq!(snapshots(&world), [(0..500).collect::<BTreeSet<_>>(), (100..600).collect()]);
    let event = &world.axiom.events("Inventory")[0];
    assert_eq!((&event["observed_at"], &event["TimeGenerated"]), (&json!(time(0)), &json!(time(0))));
    assert!(event["Tags.a"].is_array() || event["Tags"].is_object(), "{event:?}");
    assert!(!event.contains_key("Empty"), "{event:?}");
    assert_eq!(world.records("inventory")[1]["snapshot_rows"], 500);
}

#[tokio::test]
async fn a_snapshot_that_is_too_large_comes_in_parts_by_its_key_and_goes_on_after_a_stop() {
    let narrow = rig::hunting::Options { bytes_max: 10_000, ..Default::default() };
    let (world, Sources { hunting: narrow, .. }) = hunted_with(&inventory(0..3000), narrow).await;
    narrow.faults().only(Some("hash("));
    narrow.faults().random(
        5,
        vec![(0.05, Fault::Reset), (0.05, Fault::Truncate), (0.9, Fault::Slow(std::time::Duration::from_millis(10)))],
    );
    let mut stops = 0;
    loop {
        let before = world.axiom.rows("Inventory").len();
        let running = world.spawn(&["pull", "run", "inventory", "--once", "--as-of", "2026-01-01"]);
        let world = &world;
        if stops < 3 {
            until("rows arrive", || async move { world.axiom.rows("Inventory").len() > before }).await;
            running.signal("INT").await;
        }
        let ran = running.end().await;
        assert_eq!(ran.code, Some(0), "{}", ran.output);
        stops += 1;
        if world.records("inventory").last().is_some_and(|record| record["status"] == "done") {
            break;
        }
    }
    assert!(stops > 1, "it was never stopped");
    assert_eq!(snapshots(&world), [(0..3000).collect::<BTreeSet<_>>()]);
    assert_eq!(numbers(&world, "Inventory"), once(0..3000), "each row once");
}

/// Defect (e): the messages for 400 and 403 were never reached. And each wrong pull is one clear error, while the others go on.
#[tokio::test]
async fn what_is_wrong_with_a_pull_is_told_clearly_and_the_others_go_on() {
    let (mut world, Sources { hunting, workspace }) = hunted(&inventory(0..5)).await;
    workspace.add(Table::new("T_CL", &COLUMNS).hidden(&[("_ItemId", Kind::String)]));
    let incremental = |name: &str, source: &str, more: &str| pull(name, source, "incremental", more);
    let wrong = [
        incremental("a", "log-analytics", "table = \"Missing_CL\""),
        incremental(
            "b",
            "log-analytics",
            "query = \"T_CL\\n| wher Number > 1\"\nwatermark = \"TimeGenerated\"\ndestination = { axiom = \"d\" }",
        ),
        incremental(
            "c",
            "log-analytics",
            "query = \"T_CL | project Number, Props_s\"\nwatermark = \"TimeGenerated\"\ndestination = { axiom = \"d\" }",
        ),
        incremental("d", "log-analytics", "table = \"T_CL\"\nwatermark = \"Number\""),
        pull("e", "hunting", "snapshot", "table = \"Inventori\""),
        pull("f", "hunting", "snapshot", "query = \"Inventory | wher x\"\ndestination = { axiom = \"d\" }"),
    ];
    world.set("PULLS", [wrong.concat(), snapshot("")].concat());
    let ran = world.run(&["pull", "run", "--once"]).await;
    assert_eq!(ran.code, Some(1), "{}", ran.output);
    let errors: Vec<_> = ran.output.lines().filter(|line| line.contains("a pull failed")).collect();
    assert_eq!(errors.len(), wrong.len(), "{}", ran.output);
    for words in [
        "named 'Missing_CL'",
        "line [2,",
        "find the watermark TimeGenerated: the query gives no such column with times, but Number (long), Props_s (string)",
        "find the watermark Number",
        "compare the name with the tables of advanced hunting",
        "on line [1,",
    ] {
        assert_eq!(
            errors.iter().filter(|line| line.contains(words)).count(),
            1,
            "{words:?} is not once in\n{}",
            ran.output
        );
    }
    assert_eq!(snapshots(&world), [(0..5).collect::<BTreeSet<_>>()]);
    hunting.permit(false);
    let ran = world.try_pull("inventory", &time(60)).await;
    assert_eq!(ran.code, Some(1));
    says(&ran, "ThreatHunting.Read.All of Microsoft Graph");
    world.set("HUNTING_API", "xdr");
    says(&world.try_pull("inventory", &time(60)).await, "AdvancedHunting.Read.All");
    hunting.permit(true);
    world.pull("inventory", &time(120)).await;
    assert_eq!(snapshots(&world).len(), 2, "the older API gives the same");
    let ran = world.run(&["pull", "run", "nobody", "--once"]).await;
    says(&ran, "there is no pull \\\"nobody\\\": there are a, b, c, d, e, f, inventory");
}

#[tokio::test]
async fn a_pull_that_became_another_one_is_told_to_take_a_new_name() {
    let (mut world, _sources) = custom("").await;
    world.pull("t", &time(70)).await;
    let more = "table = \"T_CL\"\nwatermark = \"TimeGenerated\"";
    world.set("PULLS", pull("t", "log-analytics", "incremental", more));
    let ran = world.try_pull("t", &time(80)).await;
    assert_eq!(ran.code, Some(1));
    says(&ran, "it began as");
    says(&ran, "give it a new name");
}

/// Defect (f): results of the writes of configuration and audit were ignored.
#[tokio::test]
async fn a_record_that_does_not_arrive_is_owed_and_comes_with_the_next() {
    let (mut world, _sources) = hunted(&inventory(0..5)).await;
    world.set("PULLS_AUDIT_DATASET", "no such name/");
    let ran = world.pull("inventory", &time(0)).await;
    says(&ran, "the record of a run did not arrive");
    world.set("PULLS_AUDIT_DATASET", "");
    world.pull("inventory", &time(60)).await;
    assert_eq!(world.records("inventory").len(), 2);
}

/// Defect (g): what was switched off ran on.
#[tokio::test]
async fn what_is_not_active_does_not_run() {
    let (mut world, Sources { hunting, .. }) = hunted(&inventory(0..5)).await;
    world.set("PULLS", snapshot("active = false"));
    let ran = world.run(&["pull", "run", "--once"]).await;
    assert_eq!((ran.code, hunting.requests().len()), (Some(0), 0), "{}", ran.output);
    says(&world.run(&["pull", "status"]).await, "inventory: hunting, snapshot, not active");
    world.pull("inventory", &time(0)).await;
    assert_eq!(snapshots(&world).len(), 1, "named, it runs");
}

#[tokio::test]
async fn the_timer_runs_what_is_due_and_a_broken_file_keeps_nothing_else_from_working() {
    let (mut world, Sources { hunting, .. }) = hunted(&inventory(0..5)).await;
    let never = snapshot("").replace("0 0 * * * *", "0 0 0 1 1 *");
    world.set("PULLS", &never);
    let host = world.host().await;
    let fired = host.fire("function-pull").await.expect("the timer fires");
    assert!(format!("{fired:?}").contains("5 rows"), "{fired:?}");
    let asked = hunting.requests().len();
    host.fire("function-pull").await.expect("the host answers");
    assert_eq!(hunting.requests().len(), asked, "nothing is due any more");
    host.stop().await;
    world.set("PULLS", never.replace("snapshot", "sometimes"));
    let host = world.host().await;
    let failed = host.fire("function-pull").await;
    assert!(format!("{failed:?}").contains("line 4: mode is"), "{failed:?}");
    world.put(&crate::support::blob_name(5), crate::support::rows(0..3).as_bytes()).await;
    host.fire("function-sweep").await.expect("the sweep goes on");
    until("the blob is shipped", || async { world.delivered("SecurityEvent").len() == 3 }).await;
    host.stop().await;
}

#[tokio::test]
async fn the_status_tells_how_far_each_pull_has_come() {
    let (world, Sources { workspace, .. }) = custom("").await;
    says(&world.run(&["pull", "status"]).await, "t: log-analytics, incremental by ingestion_time(), due");
    workspace.append_values_at("T_CL", &[row(1, 0)], &time(60)).unwrap();
    world.pull("t", &time(70)).await;
    let ran = world.run(&["pull", "status"]).await;
    says(&ran, "has come to 2026-01-01T01:05:00.0000000Z");
    says(&ran, "done: 1 rows, 0 known before, 0 set aside, at most 0 twice");
    let ran = world.run(&["pull", "status", "--json"]).await;
    let status: Value = serde_json::from_str(ran.output.lines().last().unwrap()).unwrap();
    assert_eq!((&status["watermark"], &status["runs"][0]["rows"]), (&json!("2026-01-01T01:05:00.0000000Z"), &json!(1)));
}

#[tokio::test]
async fn mistakes_of_the_file_are_told_together_with_their_lines() {
    let mut world = World::new().await;
    says(&world.run(&["pull", "run", "--once"]).await, "set PULLS_FILE to a file with pulls");
    world.set("PULLS_FILE", "nowhere.toml");
    says(&world.run(&["pull", "run", "--once"]).await, "read the pulls of nowhere.toml");
    world.set("PULLS_FILE", "");
    world.set("PULLS", "[[pull]]\nname = \"a\"\nsource = \"b\"\nmode = \"c\"\n");
    let ran = world.run(&["pull", "run", "--once"]).await;
    assert_eq!(ran.code, Some(1));
    for words in ["line 3: source is", "line 4: mode is", "line 1: schedule is missing"] {
        says(&ran, words);
    }
    world.set("PULLS", pull("t", "log-analytics", "incremental", "table = \"T_CL\""));
    says(&world.run(&["pull", "run", "--once"]).await, "set LOG_ANALYTICS_WORKSPACE");
}

/// The files that are delivered with the program are read, and the one for Defender pulls all that it names.
#[tokio::test]
async fn the_ready_files_are_right() {
    let mut world = World::new().await;
    let Sources { hunting, .. } = sources(&mut world).await;
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("pulls");
    world.set("PULLS_FILE", folder.join("custom-tables.toml").display().to_string());
    says(
        &world.run(&["pull", "status"]).await,
        "failed-logons: log-analytics, incremental by TimeGenerated, not active",
    );
    let file = folder.join("defender-tvm.toml");
    world.set("PULLS_FILE", file.display().to_string());
    let text = std::fs::read_to_string(file).unwrap();
    let tables: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("table = \"")?.strip_suffix('"')).collect();
    assert_eq!(tables.len(), 15);
    for table in &tables {
        let columns = ["DeviceId", "CveId", "ConfigurationId", "ProfileId"].map(|name| (name, Kind::String));
        hunting.add(Hunted::timeless(table, &columns));
        hunting.replace(table, &[json!({"DeviceId": "d", "CveId": "c"})]).unwrap();
    }
    let ran = world.run(&["pull", "run", "--once"]).await;
    assert_eq!(ran.code, Some(0), "{}", ran.output);
    for table in tables {
        assert_eq!(world.axiom.rows(table).len(), 1, "{table}");
    }
}
