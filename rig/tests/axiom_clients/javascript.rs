//! Axiom's own JavaScript client, through both doors. It is installed on first use, from the lock file.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use rig::axiom::Options;
use serde_json::{Value, json};
use tokio::process::Command;

use super::start;

/// The folder that holds `node_modules`, below the build's own folder.
async fn installed() -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("axiom-js");
    let folder =
        Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("tmp lies in the target folder").join("rig/axiom-js");
    let lock = std::fs::read(source.join("package-lock.json")).expect("read the lock file");
    let done = folder.join("installed.lock");
    if std::fs::read(&done).is_ok_and(|installed| installed == lock) {
        return folder;
    }
    std::fs::create_dir_all(&folder).expect("make the folder");
    for file in ["package.json", "package-lock.json"] {
        std::fs::copy(source.join(file), folder.join(file)).expect("copy the manifest");
    }
    let npm = Command::new("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(&folder).output().await;
    let output = npm.expect("run npm, which comes with Node.js 20 or later");
    assert!(output.status.success(), "npm ci: {}", String::from_utf8_lossy(&output.stderr));
    std::fs::write(done, lock).expect("note what is installed");
    folder
}

#[tokio::test]
async fn everything_it_does() {
    let folder = installed().await;
    let axiom = start(Options::default()).await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("axiom-js/client.mjs");
    let mut node = Command::new("node");
    node.arg(script).current_dir(folder).stderr(Stdio::inherit()).kill_on_drop(true);
    node.env("AXIOM_URL", axiom.url()).env("AXIOM_EDGE_URL", axiom.edge_url()).env("AXIOM_TOKEN", axiom.token());
    let output = node.output().await.expect("run node, version 20 or later");
    assert!(output.status.success());
    let saw: Value = serde_json::from_slice(&output.stdout).expect("one line of JSON");

    assert_eq!((&saw["created"]["name"], &saw["created"]["kind"]), (&json!("from-js"), &json!("axiom:events:v1")));
    assert_eq!(
        (&saw["existing"]["status"], &saw["gone"]["status"], &saw["refused"]["status"]),
        (&json!(409), &json!(404), &json!(400))
    );
    for (door, rows) in [("throughLegacy", 3), ("throughEdge", 3), ("csv", 1)] {
        assert_eq!((&saw[door]["ingested"], &saw[door]["failed"]), (&json!(rows), &json!(0)), "{saw}");
    }
    assert_eq!(saw["missing"]["ingested"], 0);
    assert_eq!(saw["errors"], json!(["POST /v1/ingest/missing failed with 404: dataset missing not found"]));
    let day = json!([{"_time": "2026-01-02T00:00:00Z", "n": 7, "lo": "2026-01-02T01:00:00Z", "u": 4}]);
    assert_eq!(saw["events"], json!([day, day]));
    assert_eq!(saw["listed"], json!(["from-js", "logs"]));
    assert_eq!(saw["fields"], json!(["n: integer|string"]));
    assert_eq!((&saw["updated"]["description"], axiom.datasets()), (&json!("changed"), vec!["logs".to_owned()]));
}
