//! What the tests of the host share.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rig::host::{Host, HostOptions, InvocationResult, stage};
use serde_json::{Value, json};

/// A connection string for tests that never touch the queue.
const NOWHERE: &str =
    "AccountName=a;AccountKey=a2V5;BlobEndpoint=http://127.0.0.1:9/a;QueueEndpoint=http://127.0.0.1:9/a";

/// An app root of its own around the project's real `host.json` and functions, with the echo handler in it.
pub(crate) fn app_root() -> PathBuf {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("app-{:x}", fastrand::u64(..)));
    stage(&rig::npm::workspace(), Path::new(env!("CARGO_BIN_EXE_echo-handler")), &root).unwrap();
    root
}

/// Settings with triggers off: only what a test fires itself arrives.
pub(crate) fn quiet(lab: &str) -> Vec<(String, String)> {
    let mut settings = settings(NOWHERE, lab);
    for function in ["function-blob-trigger", "function-history", "function-sweep"] {
        settings.push((format!("AzureWebJobs.{function}.Disabled"), "true".to_owned()));
    }
    settings
}

/// Settings for a real queue called `work`; the timer is off.
pub(crate) fn settings(storage: &str, lab: &str) -> Vec<(String, String)> {
    [
        ("AzureWebJobsStorage", storage),
        ("WORK_QUEUE", "work"),
        ("HISTORY_QUEUE", "history"),
        ("SWEEP_SCHEDULE", "0 * * * * *"),
        ("PULLS_SCHEDULE", "0 0 0 1 1 *"),
        ("AzureWebJobs.function-sweep.Disabled", "1"),
        ("GREETING", "hello"),
        ("LAB", lab),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// A host without triggers.
pub(crate) async fn quiet_host(lab: &str, change: impl FnOnce(&mut HostOptions)) -> Host {
    rig::install_tls();
    let mut options = HostOptions::new(app_root(), quiet(lab));
    change(&mut options);
    Host::start(options).await.unwrap()
}

/// Invokes the blob function with `command` as the message's text.
pub(crate) async fn tell(host: &Host, command: &str) -> InvocationResult {
    let body = json!({ "Data": { "event": Value::from(command).to_string() }, "Metadata": {} });
    host.invoke("function-blob-trigger", &body.to_string()).await
}

/// The requests that the echo handler has printed so far.
pub(crate) fn requests(host: &Host) -> Vec<Value> {
    printed(host).into_iter().filter(|line| line["path"].is_string()).collect()
}

/// Every JSON line that the echo handler has printed so far.
pub(crate) fn printed(host: &Host) -> Vec<Value> {
    host.output().iter().filter_map(|line| serde_json::from_str(&line.text).ok()).collect()
}

/// Waits for a condition; a test that waits for a minute has failed.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting).await.unwrap_or_else(|_| panic!("waited in vain: {what}"));
}

/// Whether a process is alive, zombies not counted.
pub(crate) fn is_alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}
