//! One world for each test: an account of the shared emulator, an Axiom, and the shipped binary.

mod blob;
pub mod defender;
pub mod invocation;
mod process;
pub mod pulls;
pub mod workspace;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use futures::TryStreamExt as _;
use rig::axiom::{Axiom, Options};
use rig::azurite::{Account, Azurite, IDENTITY};
use rig::handler::AppRoot;
use rig::host::{Host, HostOptions};
use rig::writer::Kind;
use sentinel_axiom::azure::{Blobs, Properties, Queue, connect_blobs, connect_queue};
use sentinel_axiom::refused::{Record, RefusedRows};
use tokio::process::Command;

pub use blob::invocation;

pub const TABLE: &str = "SecurityEvent";
pub const CONTAINER: &str = "am-securityevent";
pub const QUEUE: &str = "blob-created";

pub struct World {
    pub account: Account,
    pub writer: rig::writer::RestStorage,
    pub axiom: Axiom,
    pub blobs: Blobs,
    pub queue: Queue,
    settings: BTreeMap<String, String>,
    app: AppRoot,
}

/// What a command printed and how it ended.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub output: String,
}

impl World {
    pub async fn new() -> Self {
        Self::with(Options { keep_rows: true, ..Options::default() }).await
    }

    pub async fn with(options: Options) -> Self {
        rig::install_tls();
        let account = Azurite::shared().await.expect("Azurite starts").new_account();
        let axiom = Axiom::start(options).await.expect("the stand-in starts");
        let queue = connect_queue(&account.access(), IDENTITY, QUEUE).expect("a client");
        queue.ensure().await.expect("a queue");
        let settings = [
            ("FUNCTIONS_WORKER_RUNTIME", "custom"),
            ("AXIOM_TOKEN", axiom.token()),
            ("AXIOM_URL", &axiom.url()),
            ("EXPORT_STORAGE", &account.connection_string()),
            ("AzureWebJobsStorage", &account.connection_string()),
            ("WORK_QUEUE", QUEUE),
            ("HISTORY_QUEUE", "history"),
            ("SWEEP_SCHEDULE", "0 0 0 1 1 *"),
            ("PULLS_SCHEDULE", "0 0 0 1 1 *"),
            ("EVENT_HUB_NAME", "defender-for-cloud"),
            ("EVENT_HUB_CONSUMER_GROUP", "sentinel-axiom"),
            ("SETTLE_AFTER", "1"),
            ("LOG_LEVEL", "debug"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let app = AppRoot::lay_out(Path::new(binary())).expect("an app root");
        let (writer, blobs) =
            (rig::writer::RestStorage::new(&account.access()), connect_blobs(&account.access(), IDENTITY));
        Self {
            account,
            writer: writer.expect("a client"),
            axiom,
            blobs: blobs.expect("a client"),
            queue,
            settings,
            app,
        }
    }

    /// Sets or, with an empty value, removes a setting.
    pub fn set(&mut self, name: &str, value: impl Into<String>) -> &mut Self {
        self.settings.insert(name.to_owned(), value.into());
        self
    }

    /// The settings as variables.
    pub fn settings(&self) -> &BTreeMap<String, String> {
        &self.settings
    }

    /// The folder in which a host finds the program.
    pub fn app_root(&self) -> &Path {
        self.app.path()
    }

    /// A host of the Functions kind with the handler running.
    pub async fn host(&self) -> Host {
        self.host_with(|_| {}).await
    }

    pub async fn host_with(&self, change: impl FnOnce(&mut HostOptions)) -> Host {
        let settings = self.settings.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        let mut options = HostOptions::new(self.app.path(), settings);
        options.visibility_timeout = Some(Duration::from_secs(1));
        change(&mut options);
        Host::start(options).await.expect("the handler starts")
    }

    /// Runs the binary with these arguments to its end.
    pub async fn run(&self, args: &[&str]) -> Ran {
        let output = Command::new(binary())
            .args(args)
            .env_clear()
            .envs(&self.settings)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let output = tokio::time::timeout(Duration::from_secs(120), output)
            .await
            .expect("the command ends")
            .expect("the command starts");
        let text = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
        Ran { code: output.status.code(), output: text }
    }

    /// `run --once`, which must succeed.
    pub async fn run_once(&self) -> Ran {
        let ran = self.run(&["run", "--once"]).await;
        assert_eq!(ran.code, Some(0), "{}", ran.output);
        ran
    }

    /// Writes a whole block blob of data export's kind: it is settled at once.
    pub async fn put(&self, name: &str, bytes: &[u8]) {
        self.writer.put_blob(CONTAINER, name, bytes, Kind::Block).await.expect("the emulator takes it");
    }

    /// Writes an append blob, which may grow.
    pub async fn put_append(&self, name: &str, bytes: &[u8]) {
        self.writer.put_blob(CONTAINER, name, bytes, Kind::Append).await.expect("the emulator takes it");
    }

    pub async fn properties(&self, name: &str) -> Option<Properties> {
        self.blobs.properties(CONTAINER, name).await.expect("the emulator answers")
    }

    /// Rows in Axiom's dataset, in the order of commit.
    pub fn delivered(&self, dataset: &str) -> Vec<String> {
        self.axiom
            .rows(dataset)
            .iter()
            .map(|row| String::from_utf8(row.to_vec()).expect("Axiom takes UTF-8 only"))
            .collect()
    }

    /// What was set aside, in the order of the offsets.
    pub async fn refused(&self) -> Vec<Record> {
        let store = RefusedRows::new(self.blobs.clone(), "refused");
        let names: Vec<String> = match store.list("").try_collect().await {
            Ok(names) => names,
            Err(_) => return Vec::new(), // The container is created when it is first needed.
        };
        let mut records = Vec::new();
        for name in names {
            records.extend(store.read(&name).await.expect("records can be read").0);
        }
        records.sort_by_key(|record| (record.blob.clone(), record.offset));
        records
    }
}

pub fn binary() -> &'static str {
    env!("CARGO_BIN_EXE_sentinel-axiom")
}

/// The name of an export blob; `minute` tells several apart.
pub fn blob_name(minute: u8) -> String {
    format!(
        "WorkspaceResourceId=/subscriptions/0/resourcegroups/rg/providers/microsoft.operationalinsights/workspaces/ws\
         /y=2026/m=11/d=24/h=10/m={minute:02}/PT05M.json"
    )
}

/// Rows with these numbers, as lines.
pub fn rows(numbers: std::ops::Range<u64>) -> String {
    numbers.map(|number| row(number) + "\n").collect()
}

pub fn row(number: u64) -> String {
    format!(
        r#"{{"TenantId":"t","TimeGenerated":"2026-11-24T10:00:00.1234567Z","EventID":{number},"Account":"Zoë \"Z\" \\\\x","Type":"SecurityEvent"}}"#
    )
}

/// Waits until something holds; fails with `what` after a minute.
pub async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let wait = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), wait).await.unwrap_or_else(|_| panic!("never: {what}"));
}
