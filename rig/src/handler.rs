//! The shipped program, built and laid out as Azure Functions gets it: `host.json`, the function folders, the binary.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, bail};
use serde_json::Value;
use tokio::process::Command;

use crate::azurite::Account;
use crate::host::stage;
use crate::npm::workspace;

/// The work queue in whatever is run here.
pub const QUEUE: &str = "blob-created";
/// The container of refused rows in whatever is run here.
pub const REFUSED: &str = "refused";

/// The program's settings for an account; `more` adds to them and wins. The sweep is left to be fired by hand.
pub fn settings(account: &Account, more: impl IntoIterator<Item = (String, String)>) -> Vec<(String, String)> {
    let connection = account.connection_string();
    let own = [
        ("EXPORT_STORAGE", connection.as_str()),
        ("AzureWebJobsStorage", &connection),
        ("WORK_QUEUE", QUEUE),
        ("HISTORY_QUEUE", "history"),
        ("REFUSED_CONTAINER", REFUSED),
        ("SWEEP_SCHEDULE", "0 0 0 1 1 *"),
        ("PULLS_SCHEDULE", "0 0 0 1 1 *"),
    ];
    let own = own.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    own.chain(more).collect::<BTreeMap<_, _>>().into_iter().collect()
}

/// Builds `sentinel-axiom` in the profile that the caller itself was built in, and gives the binary's path.
///
/// # Errors
/// cargo is missing, or the build fails; what the compiler says goes to stderr.
pub async fn build() -> anyhow::Result<PathBuf> {
    let mut command = Command::new("cargo");
    // No --package: the features of all members together, so that nothing is built twice.
    command.args(["build", "--quiet", "--bin", "sentinel-axiom"]);
    command.arg("--message-format=json-render-diagnostics").current_dir(workspace());
    // Under `cargo run` and `cargo test`, these describe the rig. Build scripts (ring's for one) watch them, and would have half of the
    // dependencies built again.
    for (name, _) in std::env::vars_os() {
        let told = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_", "CARGO_BIN_"];
        if told.iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output().await.context("start cargo")?;
    if !output.status.success() {
        bail!("sentinel-axiom does not build");
    }
    executable(&output.stdout).context("cargo names no binary sentinel-axiom")
}

/// The binary in cargo's messages. Source: The Cargo Book, "External tools", "Artifact messages".
fn executable(messages: &[u8]) -> Option<PathBuf> {
    messages
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<Value>(line).ok())
        .filter(|message| message["reason"] == "compiler-artifact" && message["target"]["name"] == "sentinel-axiom")
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
}

/// An app root in a folder of its own, removed when dropped.
pub struct AppRoot(PathBuf);

impl AppRoot {
    /// Lays out the project's functions around `binary`.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn lay_out(binary: &Path) -> anyhow::Result<Self> {
        let root =
            std::env::temp_dir().join(format!("sentinel-axiom-app-{}-{:x}", std::process::id(), fastrand::u64(..)));
        let app = AppRoot(root);
        stage(&workspace(), binary, &app.0).context("lay out the app root")?;
        Ok(app)
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for AppRoot {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_binary_is_found_among_cargos_messages() {
        let messages = br#"{"reason":"compiler-artifact","target":{"name":"sentinel_axiom"},"executable":null}
{"reason":"compiler-artifact","target":{"name":"sentinel-axiom"},"executable":"/t/debug/sentinel-axiom"}
{"reason":"build-finished","success":true}
"#;
        assert_eq!(executable(messages), Some(PathBuf::from("/t/debug/sentinel-axiom")));
        assert_eq!(executable(b"{}\n"), None);
    }
}
