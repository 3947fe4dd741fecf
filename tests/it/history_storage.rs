//! History as blobs in the paths of data export.

use std::collections::BTreeMap;

use futures::TryStreamExt as _;
use rig::azurite::Azurite;
use rig::loganalytics::{LogAnalytics, Options};
use sentinel_axiom::azure::{Blobs, connect_blobs};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::support::World;
use crate::support::workspace::{NEW_YEAR, SECOND, ids, table_of, workspace};

const RESOURCE: &str = "/subscriptions/0/resourceGroups/RG/providers/Microsoft.OperationalInsights/workspaces/ws";
const RUN: [&str; 10] =
    ["history", "run", "--tables", "T", "--from", "2026-01-01", "--to", "2026-01-08", "--to", "storage"];

/// A world with an account of its own for history.
async fn archive(world: &mut World) -> (LogAnalytics, Blobs) {
    let workspace = workspace(world, Options { rows_max: 100, ..Options::default() }).await;
    let account = Azurite::shared().await.expect("Azurite starts").new_account();
    world.set("HISTORY_STORAGE", account.connection_string()).set("LOG_ANALYTICS_RESOURCE_ID", RESOURCE);
    (workspace, connect_blobs(&account.access(), rig::azurite::IDENTITY).expect("a client"))
}

/// The names and contents of a container.
async fn all(blobs: &Blobs, container: &str) -> BTreeMap<String, Vec<u8>> {
    let names: Vec<_> = blobs.list(container, "").try_collect().await.expect("the container is there");
    let mut all = BTreeMap::new();
    for listed in names {
        let (body, _) = blobs.get(container, &listed.name).await.expect("it can be read");
        all.insert(listed.name, body.to_vec());
    }
    all
}

fn numbers(lines: &[u8]) -> Vec<i64> {
    let number = |line: &[u8]| serde_json::from_slice::<Value>(line).unwrap()["Number"].as_i64().unwrap();
    lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(number).collect()
}

#[tokio::test]
async fn rows_stand_in_the_folders_of_data_export_with_a_manifest_of_all() {
    let mut world = World::new().await;
    let (workspace, blobs) = archive(&mut world).await;
    let times = (0..1000).map(|number| NEW_YEAR + number * 60 * SECOND);
    workspace.add(table_of("T", times, ids("T")));
    let ran = world.run(&RUN).await;
    assert_eq!(ran.code, Some(0), "{}", ran.output);
    let written = all(&blobs, "am-t").await;
    let mut seen = Vec::new();
    for (name, body) in &written {
        let lower = RESOURCE.to_lowercase();
        let folder = name.strip_prefix(&format!("WorkspaceResourceId={lower}/y=2026/m=01/d=01/h=")).expect("a folder");
        let (hour, minute) = (folder[..2].parse::<i64>().unwrap(), folder[5..7].parse::<i64>().unwrap());
        for number in numbers(body) {
            assert_eq!((number / 60, number % 60 / 5 * 5), (hour, minute), "{name} holds row {number}");
            seen.push(number);
        }
    }
    seen.sort_unstable();
    assert_eq!(seen, (0..1000).collect::<Vec<_>>());

    let manifests = all(&blobs, "history").await;
    let names: Vec<_> = manifests.keys().map(String::as_str).collect();
    let stem = "manifests/storage/T/20260101T000000.0000000Z_20260108T000000.0000000Z";
    assert_eq!(names, [format!("{stem}.csv"), format!("{stem}.jsonl")]);
    let csv = String::from_utf8(manifests[&format!("{stem}.csv")].clone()).unwrap();
    assert_eq!(csv.lines().count(), 1 + written.len());
    for line in manifests[&format!("{stem}.jsonl")].split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let entry: Value = serde_json::from_slice(line).unwrap();
        let body = &written[entry["blob"].as_str().unwrap().strip_prefix("am-t/").unwrap()];
        let hash: String = Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!((entry["sha256"].as_str(), entry["bytes"].as_u64()), (Some(&*hash), Some(body.len() as u64)));
        assert_eq!(entry["rows"].as_u64(), Some(numbers(body).len() as u64));
    }
}

#[tokio::test]
async fn blobs_can_be_compressed_and_go_anywhere_but_into_the_export_account() {
    let mut world = World::new().await;
    let (workspace, blobs) = archive(&mut world).await;
    workspace.add(table_of("T", [NEW_YEAR, NEW_YEAR + 1], ids("T")));
    let ran = world.run(&[&RUN[..], &["--zstd"]].concat()).await;
    assert_eq!(ran.code, Some(0), "{}", ran.output);
    let written = all(&blobs, "am-t").await;
    let (name, body) = written.first_key_value().unwrap();
    assert!(written.len() == 1 && name.ends_with("_0.json.zst"), "{name}");
    assert_eq!(numbers(&zstd::bulk::decompress(body, 1 << 20).unwrap()), [0, 1]);
    world.set("HISTORY_STORAGE", world.account.connection_string());
    let ran = world.run(&RUN).await;
    assert!(
        ran.code == Some(64) && ran.output.contains("HISTORY_STORAGE is the account of EXPORT_STORAGE"),
        "{}",
        ran.output
    );
}

#[tokio::test]
async fn a_run_that_was_killed_leaves_no_row_twice() {
    let mut world = World::new().await;
    world.set("CLAIM_FOR", "5");
    let (workspace, blobs) = archive(&mut world).await;
    let times = (0..5000).map(|number| NEW_YEAR + number * 100 * SECOND);
    workspace.add(table_of("T", times, ids("T")));
    let run = [&RUN[..], &["--slice-rows", "300"]].concat();
    for _ in 0..3 {
        let running = world.spawn(&run);
        let begun = workspace.requests().len();
        let asked = || async { workspace.requests().len() > begun + 20 || running.said("rows moved") };
        crate::support::until("it reads", asked).await;
        running.signal("KILL").await;
        running.end().await;
    }
    let ran = world.run(&run).await;
    assert_eq!(ran.code, Some(0), "{}", ran.output);
    let mut seen: Vec<_> = all(&blobs, "am-t").await.values().flat_map(|body| numbers(body)).collect();
    seen.sort_unstable();
    assert_eq!(seen, (0..5000).collect::<Vec<_>>());
}
