//! `history`: rows come by queries, each once, whatever the rows are and whatever the workspace does.

use std::collections::BTreeMap;

use futures::StreamExt as _;
use rig::loganalytics::{Fault, Options, Plan, Table};
use serde_json::{Map, Value, json};

use crate::support::workspace::{NEW_YEAR, SECOND, arrivals, ids, table_of, workspace};
use crate::support::{World, until};

const RANGE: [&str; 4] = ["--from", "2026-01-01", "--to", "2026-01-08"];

/// The arguments for these tables and the first week of the year.
fn args<'a>(command: &'a str, tables: &'a str) -> Vec<&'a str> {
    ["history", command, "--tables", tables].into_iter().chain(RANGE).collect()
}

/// Rows that a careless reader loses or doubles, with a service that gives 100 rows at a time.
fn adversarial() -> Vec<(&'static str, Table)> {
    let week = 7 * 86_400 * SECOND;
    let table = |name, times: Vec<i64>| (name, table_of(name, times, ids(name)));
    let mut random = fastrand::Rng::with_seed(6);
    let mut some =
        |count: usize, within: i64| -> Vec<i64> { (0..count).map(|_| NEW_YEAR + random.i64(0..within)).collect() };
    vec![
        table("Empty", vec![]),
        table("One", vec![NEW_YEAR + 5]),
        table("FirstTick", vec![NEW_YEAR]),
        table("LastTick", vec![NEW_YEAR + week - 1]),
        table("Outside", vec![NEW_YEAR - 1, NEW_YEAR + week]),
        table("Limit", some(100, week)),
        table("LimitPlusOne", some(101, week)),
        table("OneInstantLimit", vec![NEW_YEAR + 12_345_678; 100]),
        table("OneInstantPlusOne", vec![NEW_YEAR + 12_345_678; 101]),
        table("OneInstantMore", vec![NEW_YEAR + 12_345_678; 1101]),
        table("TwoInstants", [vec![NEW_YEAR + 77; 150], vec![NEW_YEAR + 78; 150]].concat()),
        table("Borders", (0..7 * 24 * 12).map(|bin| NEW_YEAR + bin * 300 * SECOND).collect()),
        table("JustBeforeBorders", (1..7 * 24).map(|bin| NEW_YEAR + bin * 3600 * SECOND - 1).collect()),
        table("Ticks", (0..500).map(|tick| NEW_YEAR + 3600 * SECOND + tick).collect()),
        ("SameIds", table_of("SameIds", some(250, week), |number| format!("id-{}", number / 2))),
        table("Bursts", [some(400, SECOND), some(50, week), some(300, 60 * SECOND)].concat()),
    ]
}

/// Moves one adversarial table while queries for rows go wrong, and sees that each row arrived once and that a second run finds nothing to do.
async fn each_row_once(name: &str, table: &Table, slice_rows: &str) {
    let mut world = World::new().await;
    let workspace = workspace(&mut world, Options { rows_max: 100, ..Options::default() }).await;
    let rows = if name == "Outside" { 0 } else { table.len() };
    workspace.add(table.clone());
    let odds = [Fault::Partial, Fault::ShortCount, Fault::Truncate, Fault::Reset, Fault::GatewayTimeout];
    workspace.faults().only(Some("extend"));
    workspace.faults().random(11, odds.map(|fault| (0.02, fault)).to_vec());
    let run = [&args("run", name)[..], &["--slice-rows", slice_rows]].concat();
    let ran = world.run(&run).await;
    assert_eq!(ran.code, Some(0), "{name}: {}", ran.output);
    let once = if rows == 0 { BTreeMap::new() } else { BTreeMap::from([(1, rows)]) };
    assert_eq!(arrivals(&world, name), once, "{name}: {}", ran.output);
    let said = ran.output.contains(&format!("{rows} rows moved")) && ran.output.contains("at most 0 sent twice");
    assert!(said, "{name}: {}", ran.output);
    assert!(workspace.requests().iter().all(|request| request.at_once <= 5), "five queries at a time");
    let again = world.run(&run).await;
    assert!(again.code == Some(0) && again.output.contains(": 0 rows to move"), "{}", again.output);
}

/// The property: whatever the rows are and whatever goes wrong, each arrives once. Each table has a program of its own, since a program keeps to 200
/// queries in 30 seconds.
#[tokio::test]
async fn each_row_arrives_once_whatever_the_rows_are_and_whatever_the_workspace_does() {
    let tables = adversarial();
    // Slices that the service takes for too much, and such as it gives at once.
    let cases = tables.iter().flat_map(|(name, table)| ["50000", "80"].map(|slice_rows| (*name, table, slice_rows)));
    let runs = cases.map(|(name, table, slice_rows)| each_row_once(name, table, slice_rows));
    futures::stream::iter(runs).buffer_unordered(4).collect::<()>().await;
}

/// More batches than there is memory for at a time: slices that held some while they waited for more stood still, all of them.
#[tokio::test]
async fn slices_of_several_batches_do_not_wait_for_each_other() {
    let mut world = World::new().await;
    let workspace = workspace(&mut world, Options::default()).await;
    workspace.add(table_of("T", (0..20_000).map(|number| NEW_YEAR + number * 30 * SECOND), ids("T")));
    world.set("BATCH_BYTES", "65536").set("ROW_BYTES", "1024");
    let ran = world.run(&[&args("run", "T")[..], &["--slice-rows", "2000"]].concat()).await;
    assert_eq!(ran.code, Some(0), "{}", ran.output);
    assert_eq!(arrivals(&world, "T"), BTreeMap::from([(1, 20_000)]));
}

#[tokio::test]
async fn rows_that_went_again_because_an_answer_was_lost_are_counted() {
    let mut world = World::new().await;
    let workspace = workspace(&mut world, Options::default()).await;
    workspace.add(table_of("T", (0..100).map(|number| NEW_YEAR + number), ids("T")));
    // The first request finds that there is no dataset yet.
    world.axiom.faults().script([rig::axiom::Fault::Pass, rig::axiom::Fault::ResetAfter]);
    let ran = world.run(&args("run", "T")).await;
    assert_eq!(arrivals(&world, "T"), BTreeMap::from([(2, 100)]));
    assert!(ran.code == Some(0) && ran.output.contains("at most 100 sent twice"), "{}", ran.output);
}

#[tokio::test]
async fn rows_that_come_to_a_range_after_it_was_moved_are_told() {
    let mut world = World::new().await;
    let workspace = workspace(&mut world, Options::default()).await;
    workspace.add(table_of("T", [NEW_YEAR, NEW_YEAR + 86_400 * SECOND], ids("T")));
    let first = world.run(&args("run", "T")).await;
    assert!(first.code == Some(0) && !first.output.contains("rows came to the range"), "{}", first.output);
    let row = json!({"TimeGenerated": "2026-01-01T06:00:00Z", "Number": 7, "Type": "T", "_ItemId": "late"});
    workspace.append_values("T", &[row]).unwrap();
    let again = world.run(&args("run", "T")).await;
    assert!(again.output.contains("1 rows came to the range since it was counted"), "{}", again.output);
    let repaired = world.run(&[&["reconcile", "--tables", "T", "--repair"], &RANGE[..]].concat()).await;
    assert_eq!(repaired.code, Some(0), "{}", repaired.output);
    assert_eq!(arrivals(&world, "T"), BTreeMap::from([(1, 3)]));
}

#[tokio::test]
async fn a_run_that_is_stopped_goes_on_where_it_was_and_sends_nothing_twice() {
    let mut world = World::new().await;
    let latency = std::time::Duration::from_millis(20);
    let workspace = workspace(&mut world, Options { rows_max: 100, latency, ..Options::default() }).await;
    let times = (0..4000).map(|number| NEW_YEAR + number * 150 * SECOND);
    workspace.add(table_of("T", times, ids("T")));
    let run = [&args("run", "T")[..], &["--slice-rows", "200"]].concat();
    let mut stops = 0;
    while world.axiom.rows("T").len() < 4000 {
        let before = world.axiom.rows("T").len();
        let running = world.spawn(&run);
        let world = &world;
        until("rows arrive", || async move { world.axiom.rows("T").len() > before }).await;
        running.signal("INT").await;
        let ran = running.end().await;
        let stopped = ran.code == Some(1) && ran.output.contains("the same command goes on from here");
        assert!(stopped || ran.code == Some(0), "{}", ran.output);
        stops += 1;
    }
    assert!(stops > 1, "it was never stopped");
    assert_eq!(arrivals(&world, "T"), BTreeMap::from([(1, 4000)]), "{stops} stops");
}

#[tokio::test]
async fn two_runs_at_once_send_nothing_twice() {
    let mut world = World::new().await;
    let latency = std::time::Duration::from_millis(5);
    let workspace = workspace(&mut world, Options { rows_max: 50, at_once: 10, latency, ..Options::default() }).await;
    workspace.add(table_of("T", (0..2000).map(|number| NEW_YEAR + number * 300 * SECOND), ids("T")));
    let run = [&args("run", "T")[..], &["--slice-rows", "50"]].concat();
    let runs = [world.spawn(&run), world.spawn(&run)];
    for run in runs {
        let ran = run.end().await;
        assert_eq!(ran.code, Some(0), "{}", ran.output);
    }
    assert_eq!(arrivals(&world, "T"), BTreeMap::from([(1, 2000)]));
}

/// Rows of every type, in the form of data export.
fn export_rows() -> Vec<Value> {
    let row = |number: u32, more: Value| {
        let mut row = json!({
            "TenantId": "b9a4f1f0-1111-2222-3333-444455556666",
            "TimeGenerated": format!("2026-01-02T03:04:{:02}.{:07}Z", number % 60, number * 1000),
            "Type": "Mixed",
            "_ItemId": format!("item-{number}"),
            "_ResourceId": "/subscriptions/0/resourcegroups/rg/providers/x/y",
        });
        row.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        row
    };
    vec![
        row(
            0,
            json!({"Text": "plain", "Whole": 7, "Broken": 1.25, "Flag": true, "Props": {"a": {"b": [1, "2", null]}}}),
        ),
        row(1, json!({"Text": "Zoë \"Z\" \\ \n", "Whole": 9_007_199_254_740_993_i64, "Flag": false, "Props": ["x"]})),
        row(
            2,
            json!({"Text": "{\"json\":\"in a text column\"}", "Broken": -0.5, "Props": "a text in a dynamic column"}),
        ),
        row(3, json!({"When": "2025-12-31T23:59:59.9000000Z", "Props": {"deep": {"er": {"est": true}}}})),
        row(4, json!({"When": "2025-12-31T23:59:59.0000000Z", "Props": 12.5})),
    ]
}

/// The columns of rows, without what tells where they came from.
fn columns(world: &World, dataset: &str) -> BTreeMap<String, Map<String, Value>> {
    let own = |mut event: Map<String, Value>| {
        event.retain(|name, _| !matches!(name.as_str(), "source_blob" | "source_offset" | "_sysTime"));
        (event["_ItemId"].as_str().expect("an id").to_owned(), event)
    };
    world.axiom.events(dataset).into_iter().map(own).collect()
}

#[tokio::test]
async fn history_and_continuous_export_give_the_same_columns_and_values() {
    let mut world = World::new().await;
    let workspace = workspace(&mut world, Options::default()).await;
    let rows = export_rows();
    workspace.add(Table::of("Mixed", &rows).unwrap());
    let lines: String = rows.iter().map(|row| format!("{row}\n")).collect();
    let path = "WorkspaceResourceId=/subscriptions/0/resourcegroups/rg/providers/microsoft.operationalinsights/workspaces/ws\
                /y=2026/m=01/d=02/h=03/m=00/PT05M.json";
    world.writer.put_blob("am-mixed", path, lines.as_bytes(), rig::writer::Kind::Block).await.unwrap();
    world.run_once().await;
    world.set("AXIOM_DATASET_PREFIX", "old-");
    let ran = world.run(&args("run", "Mixed")).await;
    assert_eq!(ran.code, Some(0), "{}", ran.output);
    let (live, old) = (columns(&world, "Mixed"), columns(&world, "old-Mixed"));
    assert_eq!(live.len(), rows.len());
    assert_eq!(old, live);
}

#[tokio::test]
async fn an_estimate_tells_what_moving_takes_and_moves_nothing() {
    let mut world = World::new().await;
    let workspace = workspace(&mut world, Options::default()).await;
    let day = 86_400 * SECOND;
    workspace.add(table_of("A", [NEW_YEAR, NEW_YEAR + 1, NEW_YEAR + day], ids("A")));
    workspace.add(table_of("B", [NEW_YEAR + 6 * day], ids("B")));
    let ran = world.run(&[&args("estimate", "A,B")[..], &["--json"]].concat()).await;
    assert_eq!(ran.code, Some(0), "{}", ran.output);
    let line = ran.output.lines().find(|line| line.starts_with("{\"days\"")).expect("the estimate");
    let estimate: Value = serde_json::from_str(line).unwrap();
    let days: Vec<_> =
        estimate["days"].as_array().unwrap().iter().map(|day| (&day["table"], &day["day"], &day["rows"])).collect();
    let wanted = [("A", "2026-01-01", 2), ("A", "2026-01-02", 1), ("B", "2026-01-07", 1)]
        .map(|(table, day, rows)| [json!(table), json!(day), json!(rows)]);
    assert_eq!(days, wanted.iter().map(|[table, day, rows]| (table, day, rows)).collect::<Vec<_>>());
    assert_eq!((&estimate["total"]["rows"], &estimate["total"]["calls"]), (&json!(4), &json!(4)));
    assert!(estimate["tables"]["A"]["bytes"].as_u64().unwrap() > 100);
    let ran = world.run(&args("estimate", "A,B")).await;
    let has = |words: &[&str]| {
        ran.output.lines().any(|line| line.split_whitespace().take(words.len()).eq(words.iter().copied()))
    };
    assert!(
        has(&["A", "2026-01-01", "2"]) && has(&["all", "4"]) && ran.output.contains("Nothing was moved"),
        "{}",
        ran.output
    );
    assert_eq!(world.axiom.requests().len(), 0);
}

#[tokio::test]
async fn any_query_can_be_moved_and_is_kept_apart_by_its_name() {
    let mut world = World::new().await;
    let workspace = workspace(&mut world, Options::default()).await;
    workspace.add(table_of("T", (0..100).map(|number| NEW_YEAR + number), ids("T")));
    let query = "T // the half of it\n| where Number >= 50;";
    let named = |query: &'static str| [&["history", "run", "--query", query, "--name", "half"], &RANGE[..]].concat();
    let ran = world.run(&named(query)).await;
    assert_eq!(ran.code, Some(0), "{}", ran.output);
    assert_eq!(arrivals(&world, "half"), BTreeMap::from([(1, 50)]));
    let other = world.run(&named("T | where Number >= 10")).await;
    assert!(other.code == Some(1) && other.output.contains("choose another --name"), "{}", other.output);
}

#[tokio::test]
async fn basic_tables_are_asked_at_their_own_door_two_at_a_time() {
    let mut world = World::new().await;
    let latency = std::time::Duration::from_millis(5);
    let workspace = workspace(&mut world, Options { rows_max: 50, latency, ..Options::default() }).await;
    let times = (0..500).map(|number| NEW_YEAR + number * 1000 * SECOND);
    workspace.add(table_of("Cheap", times, ids("Cheap")).plan(Plan::Basic));
    let ran = world.run(&[&args("run", "Cheap")[..], &["--plan", "basic"]].concat()).await;
    assert_eq!(ran.code, Some(0), "{}", ran.output);
    assert_eq!(arrivals(&world, "Cheap"), BTreeMap::from([(1, 500)]));
    assert!(workspace.requests().iter().all(|request| request.at_once <= 2 && request.path.ends_with("/search")));
    let wrong = world.run(&args("estimate", "Cheap")).await;
    assert!(wrong.code == Some(1) && wrong.output.contains("Cheap: ask the workspace: "), "{}", wrong.output);
}

/// One clear line for each, and nothing is moved.
#[tokio::test]
async fn bad_input_gets_one_clear_line() {
    let mut world = World::new().await;
    let workspace = workspace(&mut world, Options::default()).await;
    workspace.add(table_of("T", [NEW_YEAR], ids("T")));
    let query = |query: &'static str| [&["history", "run", "--name", "q", "--query", query], &RANGE[..]].concat();
    let range =
        |from: &'static str, to: &'static str| vec!["history", "run", "--tables", "T", "--from", from, "--to", to];
    for (args, code, words) in [
        (args("run", "Tt"), 1, "Tt: ask the workspace: BadArgumentError: "),
        (args("run", "Tt"), 1, "upper and lower case count"),
        (args("estimate", "T,no table"), 1, "is no table's name"),
        (range("2026-01-08", "2026-01-01"), 1, "--from 2026-01-08 is not before --to 2026-01-01: swap them"),
        (range("2026-01-01", "storage"), 1, "give --to a time once"),
        (range("soon", "2026-01-01"), 2, "give a time such as 2024-01-31"),
        (query("T | wher Number > 1"), 1, "line [1,4]"),
        (query("T | where Nummer > 1"), 1, "'Nummer'"),
        (query("T | project Number"), 1, "let the query give the column TimeGenerated"),
        ([&args("run", "T")[..], &["--to", "storage"]].concat(), 1, "set HISTORY_STORAGE"),
    ] {
        let ran = world.run(&args).await;
        let lines: Vec<_> = ran.output.lines().filter(|line| line.contains(words)).collect();
        assert!(
            ran.code == Some(code) && lines.len() == 1,
            "{args:?} ends with {:?} and says\n{}",
            ran.code,
            ran.output
        );
        if code == 1 {
            assert_eq!(ran.output.matches("ERROR").count(), 1, "{args:?} says\n{}", ran.output);
        }
    }
    workspace.permit(false);
    let ran = world.run(&args("run", "T")).await;
    assert!(
        ran.code == Some(1) && ran.output.contains("give the identity the role Log Analytics Reader"),
        "{}",
        ran.output
    );
    world.set("LOG_ANALYTICS_WORKSPACE", "");
    let ran = world.run(&args("run", "T")).await;
    assert!(ran.code == Some(1) && ran.output.contains("set LOG_ANALYTICS_WORKSPACE"), "{}", ran.output);
    assert_eq!(world.axiom.requests().len(), 0);
}

/// `script` gives the program a terminal.
#[tokio::test]
async fn a_terminal_shows_a_bar_and_a_pipe_plain_lines() {
    let mut world = World::new().await;
    let latency = std::time::Duration::from_millis(100);
    let workspace = workspace(&mut world, Options { latency, ..Options::default() }).await;
    workspace.add(table_of("T", (0..600).map(|number| NEW_YEAR + number * 900 * SECOND), ids("T")));
    let run = [&args("run", "T")[..], &["--slice-rows", "100"]].concat();
    let command = [&[crate::support::binary()][..], &run].concat().join(" ");
    let shown = tokio::process::Command::new("script")
        .args(["-qec", &command, "/dev/null"])
        .env_clear()
        .envs(world.settings())
        .env("TERM", "xterm")
        .stdin(std::process::Stdio::null())
        .output()
        .await
        .expect("script is a part of every Debian");
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("600 rows") && shown.contains(" rows/s") && shown.contains(" left"), "{shown}");
    world.set("AXIOM_DATASET_PREFIX", "again-");
    let plain = world.run(&run).await;
    assert!(plain.output.contains(" of 600 rows, ") && !plain.output.contains('\u{1b}'), "{}", plain.output);
}

#[tokio::test]
async fn tokens_are_renewed_while_a_run_goes_on() {
    let mut world = World::new().await;
    let (token_lifetime, latency) = (std::time::Duration::from_secs(3), std::time::Duration::from_millis(60));
    let workspace =
        workspace(&mut world, Options { rows_max: 20, token_lifetime, latency, ..Options::default() }).await;
    workspace.add(table_of("T", (0..2000).map(|number| NEW_YEAR + number * 300 * SECOND), ids("T")));
    let ran = world.run(&args("run", "T")).await;
    assert_eq!(ran.code, Some(0), "{}", ran.output);
    assert_eq!(arrivals(&world, "T"), BTreeMap::from([(1, 2000)]));
    assert!(workspace.identity().given().len() > 1, "one token was good for all of it");
}
