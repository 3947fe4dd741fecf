//! `reconcile`: what is missing in Axiom is found, shown and sent, and nothing that is there is sent again.

use std::collections::BTreeMap;

use rig::axiom::Rights;
use rig::loganalytics::Options;
use serde_json::{Value, json};

use crate::support::World;
use crate::support::workspace::{NEW_YEAR, SECOND, arrivals, ids, table_of, workspace};

const HOUR: i64 = 3600 * SECOND;

fn args<'a>(command: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [command, &["--tables", "T", "--from", "2026-01-01", "--to", "2026-01-03"], more].concat()
}

/// Moves those rows of a table to Axiom whose times are given here, with the numbers and ids that they have there.
async fn deliver(world: &World, rows: impl IntoIterator<Item = (usize, i64)>) {
    let line = |(number, time): (usize, i64)| {
        let time = sentinel_axiom::query::window::Ticks(time);
        json!({"TimeGenerated": time, "Number": number, "Props": {"n": number}, "Type": "T", "_ItemId": format!("T-{number}")})
            .to_string()
            + "\n"
    };
    let lines: String = rows.into_iter().map(line).collect();
    let path = format!(
        "WorkspaceResourceId=/subscriptions/0/resourcegroups/rg/providers/microsoft.operationalinsights/workspaces/ws\
         /y=2026/m=01/d=01/h=00/m=00/PT05M_{}.json",
        1 + world.axiom.rows("T").len()
    );
    world
        .writer
        .put_blob("am-t", &path, lines.as_bytes(), rig::writer::Kind::Block)
        .await
        .expect("the emulator takes it");
    world.run_once().await;
}

/// The JSON that a comparison printed.
fn report(output: &str) -> Value {
    let line = output
        .lines()
        .find(|line| line.starts_with("{\"differences\""))
        .unwrap_or_else(|| panic!("no report: {output}"));
    serde_json::from_str(line).unwrap()
}

#[tokio::test]
async fn missing_rows_are_found_by_bin_and_sent_without_those_that_are_there() {
    let mut world = World::new().await;
    let workspace = workspace(&mut world, Options { rows_max: 500, ..Options::default() }).await;
    // Three hours: 3000 rows, more than Axiom shows at once; 100; 10. And one row in an hour of its own.
    let times: Vec<i64> = (0..3000)
        .map(|row| NEW_YEAR + row * SECOND / 2)
        .chain((0..100).map(|row| NEW_YEAR + 5 * HOUR + row))
        .chain((0..10).map(|row| NEW_YEAR + 25 * HOUR + row * SECOND))
        .chain([NEW_YEAR + 30 * HOUR])
        .collect();
    workspace.add(table_of("T", times.clone(), ids("T")));
    let lost = |number: usize| number % 7 == 3 && number < 3100 || number == 3110;
    deliver(&world, times.iter().copied().enumerate().filter(|(number, _)| !lost(*number))).await;
    let missing = (0..3111).filter(|number| lost(*number)).count();

    let ran = world.run(&args(&["reconcile"], &["--json"])).await;
    assert_eq!(ran.code, Some(1), "{}", ran.output);
    let found = report(&ran.output);
    assert_eq!(found["tables"]["T"], json!({"log_analytics": 3111, "axiom": 3111 - missing}));
    let bins: Vec<_> = found["differences"]
        .as_array()
        .unwrap()
        .iter()
        .map(|bin| bin["from"].as_str().unwrap()[..13].to_owned())
        .collect();
    assert_eq!(bins, ["2026-01-01T00", "2026-01-01T05", "2026-01-02T06"]);

    let ran = world.run(&args(&["reconcile"], &["--repair"])).await;
    assert!(ran.code == Some(0) && ran.output.contains("repaired, 1 rows sent"), "{}", ran.output);
    assert_eq!(arrivals(&world, "T"), BTreeMap::from([(1, 3111)]), "each row once");
    let ran = world.run(&args(&["reconcile"], &[])).await;
    assert!(ran.code == Some(0) && ran.output.contains("no bin differs"), "{}", ran.output);
}

#[tokio::test]
async fn the_page_shows_tables_by_days_and_stands_alone() {
    let mut world = World::new().await;
    let workspace = workspace(&mut world, Options::default()).await;
    workspace.add(table_of("T", [NEW_YEAR, NEW_YEAR + 1, NEW_YEAR + 30 * HOUR], ids("T")));
    deliver(&world, [(0, NEW_YEAR), (2, NEW_YEAR + 30 * HOUR), (9, NEW_YEAR + 31 * HOUR)]).await;
    let file = std::env::temp_dir().join(format!("reconcile-{:x}.html", fastrand::u64(..)));
    let ran = world.run(&args(&["reconcile"], &["--html", file.to_str().unwrap()])).await;
    assert_eq!(ran.code, Some(1), "{}", ran.output);
    let page = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(page.contains("1 rows are missing in Axiom, 1 are too many"), "{page}");
    assert!(page.contains("2026-01-01") && page.contains(">-1</td>") && page.contains(">+1</td>"), "{page}");
}

#[tokio::test]
async fn one_dataset_for_all_tables_is_compared_table_by_table() {
    let mut world = World::new().await;
    world.set("AXIOM_DATASET", "all");
    let workspace = workspace(&mut world, Options::default()).await;
    workspace.add(table_of("T", [NEW_YEAR, NEW_YEAR + 1], ids("T")));
    workspace.add(table_of("Other", [NEW_YEAR], ids("Other")));
    for table in ["T", "Other"] {
        let run = ["history", "run", "--tables", table, "--from", "2026-01-01", "--to", "2026-01-03"];
        assert_eq!(world.run(&run).await.code, Some(0));
    }
    let ran = world.run(&args(&["reconcile"], &["--json", "--bin", "1d"])).await;
    assert_eq!(ran.code, Some(0), "{}", ran.output);
    assert_eq!(report(&ran.output)["tables"]["T"], json!({"log_analytics": 2, "axiom": 2}));
}

#[tokio::test]
async fn what_cannot_be_compared_or_repaired_is_told() {
    let mut world = World::new().await;
    let workspace = workspace(&mut world, Options::default()).await;
    let dense = vec![NEW_YEAR + 7; 1203];
    workspace.add(table_of("T", dense.clone(), ids("T")));
    deliver(&world, dense.iter().copied().enumerate().skip(2)).await;
    let ran = world.run(&args(&["reconcile"], &["--repair"])).await;
    let words = "not repaired: repair 2026-01-01T00:00:00.0000007Z to 2026-01-01T00:00:00.0000008Z: Axiom has more than 1000 rows of one instant";
    assert!(ran.code == Some(1) && ran.output.contains(words), "{}", ran.output);
    assert_eq!(arrivals(&world, "T"), BTreeMap::from([(1, 1201)]), "nothing was sent");
    let token = world.axiom.add_token(Rights { query: false, ..Rights::all() });
    world.set("AXIOM_TOKEN", token);
    let ran = world.run(&args(&["reconcile"], &[])).await;
    assert!(ran.code == Some(1) && ran.output.contains("the token needs the capability query"), "{}", ran.output);
}
