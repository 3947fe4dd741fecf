//! A package on trial: unpacked into an empty folder and started from there, as the platform does, it has to bring a row to Axiom.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::{read_zip, write_folder};
use crate::axiom::{Axiom, Options};
use crate::azurite::Account;
use crate::handler::{QUEUE, settings};
use crate::host::{Host, HostOptions};
use crate::writer::{Kind, RestStorage};

const TABLE: &str = "SigninLogs";
const CONTAINER: &str = "am-signinlogs";
const BLOB: &str = "WorkspaceResourceId=/subscriptions/00000000-0000-0000-0000-000000000001/resourcegroups/rg/providers/\
                    microsoft.operationalinsights/workspaces/ws/y=2026/m=01/d=02/h=03/m=05/PT05M.json";
const ROW: &str = r#"{"TimeGenerated":"2026-01-02T03:05:00.0000000Z","Type":"SigninLogs","ResultType":"0"}"#;

/// How long the row may take from its blob to Axiom.
const PATIENCE: Duration = Duration::from_secs(60);

/// Unpacks `zip` into a new folder, starts it there under the stand-in for the Functions host, and sees one row through: the sweep finds its
/// blob, the message comes off the queue, the row arrives in Axiom, the blob is deleted. Storage is `account`, with nothing in it.
///
/// # Errors
/// The package does not start, breaks a rule of the host, or the row does not arrive; with what the program printed last.
pub async fn deliver_a_row(zip: &Path, account: &Account) -> Result<()> {
    let folder = Folder(std::env::temp_dir().join(format!("package-{}-{:x}", std::process::id(), fastrand::u64(..))));
    write_folder(&read_zip(zip)?, &folder.0)?;
    let axiom = Axiom::start(Options { keep_rows: true, ..Options::default() }).await?;
    let storage = RestStorage::new(&account.access())?;
    storage.ensure_queue(QUEUE).await?;
    storage.put_blob(CONTAINER, BLOB, format!("{ROW}\n").as_bytes(), Kind::Block).await?;
    let options = HostOptions::new(&folder.0, settings(account, axiom.settings()));
    let host = Host::start(options).await.context("start the package")?;
    let arrived = arrives(&host, &axiom).await;
    let output = host.output();
    let stats = host.stop().await;
    let said = || output.iter().rev().take(10).rev().map(|line| line.text.as_str()).collect::<Vec<_>>().join("\n");
    arrived.with_context(said)?;
    ensure!(stats.violations.is_empty(), "the package breaks rules of the host: {:?}", stats.violations);
    Ok(())
}

/// One sweep, and the row is there.
async fn arrives(host: &Host, axiom: &Axiom) -> Result<()> {
    host.fire("function-sweep").await?;
    let waiting = async {
        while axiom.rows(TABLE).is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.context("wait for the row in Axiom")?;
    let rows = axiom.rows(TABLE);
    ensure!(rows.len() == 1 && rows[0] == ROW.as_bytes(), "another row arrived than was written: {rows:?}");
    Ok(())
}

/// Removed when dropped.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}
