//! Pulls to Azure Data Explorer: rows and records are in the tables, or one clear error says why not.

use std::collections::BTreeSet;

use rig::hunting::Table as Hunted;
use rig::kusto::{Failure, Kind, Kusto, Options};
use serde_json::{Value, json};

use crate::support::World;
use crate::support::pulls::{Sources, pull, sources};

const DATABASE: &str = "security";
const DAY: &str = "2026-01-01";

/// A world with an inventory in advanced hunting, and a cluster beside it.
async fn world(rows: std::ops::Range<u64>) -> (World, Sources, Kusto) {
    let mut world = World::new().await;
    let sources = sources(&mut world).await;
    let options = Options { databases: vec![DATABASE.to_owned()], ..Options::default() };
    let kusto = Kusto::start_with(options, &world.account, sources.hunting.identity()).await.expect("it starts");
    let columns =
        [("DeviceId", Kind::String), ("Number", Kind::Long), ("Tags", Kind::Dynamic), ("Seen", Kind::DateTime)];
    sources.hunting.add(Hunted::timeless("Inventory", &columns));
    sources.hunting.replace("Inventory", &inventory(rows)).unwrap();
    (world, sources, kusto)
}

fn inventory(devices: std::ops::Range<u64>) -> Vec<Value> {
    let row = |device| json!({"DeviceId": format!("d-{device}"), "Number": device, "Tags": {"a": [device]}, "Seen": "2025-12-31T01:02:03.5Z"});
    devices.map(row).collect()
}

/// A pull of the inventory into a table of the cluster.
fn into(kusto: &Kusto, name: &str, table: &str, more: &str) -> String {
    let url = kusto.url();
    let destination = format!(
        "table = \"Inventory\"\nkey = \"DeviceId\"\ndestination = {{ kusto = \"{url}\", database = \"{DATABASE}\", table = \"{table}\"{more} }}"
    );
    pull(name, "hunting", "snapshot", &destination)
}

fn numbers(rows: &[Value], of: impl Fn(&Value) -> &Value) -> BTreeSet<u64> {
    rows.iter().map(|row| of(row).as_u64().expect("a number")).collect()
}

#[tokio::test]
async fn whole_rows_come_into_a_raw_table_that_is_created_and_each_run_has_a_record() {
    let (mut world, _sources, kusto) = world(0..200).await;
    world.set("PULLS", into(&kusto, "raw", "InventoryRaw", ", create = true"));
    world.pull("raw", DAY).await;
    world.pull("raw", DAY).await;
    let rows = kusto.rows(DATABASE, "InventoryRaw");
    assert_eq!((rows.len(), numbers(&rows, |row| &row["Records"]["Number"])), (400, (0..200).collect()));
    assert_eq!(rows[0]["Records"]["Tags"], json!({"a": [rows[0]["Records"]["Number"]]}));
    assert_eq!(rows[0]["Records"]["TimeGenerated"], "2026-01-01T00:00:00.0000000Z");
    let records = kusto.rows(DATABASE, "SentinelAxiomPulls");
    let told: Vec<_> =
        records.iter().map(|record| (&record["status"], &record["rows"], &record["snapshot_rows"])).collect();
    assert_eq!(told, [(&json!("done"), &json!(200), &json!(200)); 2]);
    assert_eq!(world.records("raw").len(), 2, "and the same in Axiom");
    let statuses = kusto.statuses().await.unwrap();
    assert!(statuses.iter().all(|status| status["Status"] == "Succeeded"), "{statuses:?}");
}

#[tokio::test]
async fn each_column_has_its_own_in_a_typed_table_and_new_ones_are_added() {
    let (mut world, sources, kusto) = world(0..20).await;
    world.set("PULLS", into(&kusto, "typed", "Inventory", ", raw = false, create = true"));
    world.pull("typed", DAY).await;
    let columns = [("DeviceId", Kind::String), ("Number", Kind::Long), ("Score", Kind::Real)];
    sources.hunting.add(Hunted::timeless("Inventory", &columns));
    sources.hunting.replace("Inventory", &[json!({"DeviceId": "x", "Number": 20, "Score": 1.5})]).unwrap();
    world.pull("typed", DAY).await;
    let rows = kusto.rows(DATABASE, "Inventory");
    assert_eq!(numbers(&rows, |row| &row["Number"]), (0..=20).collect());
    let (first, last) = (&rows[0], &rows[20]);
    assert_eq!((&first["Tags"], &last["Score"]), (&json!({"a": [first["Number"]]}), &json!(1.5)));
    assert!(first["Seen"].as_str().is_some_and(|seen| seen.starts_with("2025-12-31T01:02:03.5")), "{first}");
    assert!(last["snapshot_id"] != first["snapshot_id"], "{last}");
}

#[tokio::test]
async fn streaming_needs_no_queue() {
    let (mut world, _sources, kusto) = world(0..50).await;
    kusto.table(DATABASE, "InventoryRaw", &[("Records", Kind::Dynamic)]).unwrap();
    kusto.manage(DATABASE, ".alter table InventoryRaw policy streamingingestion enable").unwrap();
    world.set("PULLS", into(&kusto, "raw", "InventoryRaw", ", create = true, streaming = true"));
    world.pull("raw", DAY).await;
    assert_eq!(numbers(&kusto.rows(DATABASE, "InventoryRaw"), |row| &row["Records"]["Number"]), (0..50).collect());
    assert!(kusto.ingestions().iter().all(|ingestion| ingestion.table != "InventoryRaw"), "{:?}", kusto.ingestions());
}

#[tokio::test]
async fn an_ingestion_that_fails_for_now_is_tried_again_and_one_that_never_can_is_told() {
    let (mut world, _sources, kusto) = world(0..50).await;
    world.set("PULLS", into(&kusto, "raw", "InventoryRaw", ", create = true"));
    kusto.fail_next(2, Failure::Transient);
    world.pull("raw", DAY).await;
    assert_eq!(kusto.rows(DATABASE, "InventoryRaw").len(), 50);
    kusto.fail_next(1, Failure::Permanent);
    let ran = world.try_pull("raw", DAY).await;
    assert!(ran.code == Some(1) && ran.output.contains("ingest into InventoryRaw: Failed: "), "{}", ran.output);
    world.pull("raw", DAY).await;
    assert_eq!(numbers(&kusto.rows(DATABASE, "InventoryRaw"), |row| &row["Records"]["Number"]), (0..50).collect());
}

#[tokio::test]
async fn a_table_that_does_not_fit_is_one_clear_error_and_the_other_pulls_go_on() {
    let (mut world, _sources, kusto) = world(0..5).await;
    kusto.table(DATABASE, "Other", &[("Number", Kind::String)]).unwrap();
    kusto.table(DATABASE, "Unmapped", &[("Records", Kind::Dynamic)]).unwrap();
    let nowhere = into(&kusto, "nowhere", "T", "").replace(DATABASE, "nowhere");
    world.set(
        "PULLS",
        [
            into(&kusto, "other", "Other", ", raw = false, create = true"),
            into(&kusto, "missing", "Missing", ""),
            into(&kusto, "unmapped", "Unmapped", ""),
            nowhere,
            into(&kusto, "good", "Good", ", create = true"),
        ]
        .concat(),
    );
    let ran = world.run(&["pull", "run", "--once"]).await;
    assert_eq!(ran.code, Some(1), "{}", ran.output);
    let errors: Vec<_> = ran.output.lines().filter(|line| line.contains("a pull failed")).collect();
    assert_eq!(errors.len(), 4, "{}", ran.output);
    for words in [
        "use table Other of database security: Number is string, but comes as long (name another table, or set raw = true)",
        "use table Missing of database security: it does not exist (create it, or set create = true)",
        "use table Unmapped of database security: it has no JSON mapping",
    ] {
        assert_eq!(errors.iter().filter(|line| line.contains(words)).count(), 1, "{words}\n{}", ran.output);
    }
    assert_eq!(kusto.rows(DATABASE, "Good").len(), 5);
    kusto.permit(false);
    let ran = world.try_pull("good", DAY).await;
    assert!(ran.output.contains("give the identity the roles Ingestor"), "{}", ran.output);
}
