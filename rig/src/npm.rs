//! Pinned npm packages that the rig fetches by itself, once, into `target/rig/`.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, bail};
use tokio::process::Command;

/// The workspace's root folder.
#[must_use]
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the rig is a folder of the workspace").to_owned()
}

/// Where the rig keeps what it fetches: `target/rig`, or the same below `CARGO_TARGET_DIR`.
#[must_use]
pub fn cache() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from).join("rig")
}

/// Installs what `rig/<name>/package-lock.json` pins, unless that is there already; gives the folder that holds `node_modules` and the
/// other files of `rig/<name>/`.
///
/// # Errors
/// npm is missing or fails; its words are in the error.
pub async fn install(name: &str) -> anyhow::Result<PathBuf> {
    let source = workspace().join("rig").join(name);
    let lock =
        std::fs::read(source.join("package-lock.json")).with_context(|| format!("read the lock file of rig/{name}"))?;
    let target = cache().join(format!("{name}-{:016x}", crate::npm::fingerprint(&lock)));
    if !target.join("node_modules").is_dir() {
        // Tests of several processes may get here at once: each installs into a folder of its own, the first rename wins.
        let fresh = cache().join(format!("{name}-new-{}-{:x}", std::process::id(), fastrand::u64(..)));
        std::fs::create_dir_all(&fresh)?;
        for file in ["package.json", "package-lock.json"] {
            std::fs::copy(source.join(file), fresh.join(file))?;
        }
        let output = Command::new("npm")
            .args(["ci", "--no-audit", "--no-fund", "--omit=dev"])
            .current_dir(&fresh)
            .stdin(Stdio::null())
            .output()
            .await
            .context("start npm (Node 20 or newer must be installed)")?;
        if !output.status.success() {
            bail!(
                "npm ci in rig/{name} failed:\n{}{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            );
        }
        if std::fs::rename(&fresh, &target).is_err() {
            std::fs::remove_dir_all(&fresh).ok();
        }
    }
    for entry in std::fs::read_dir(&source)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            std::fs::copy(entry.path(), target.join(entry.file_name()))?;
        }
    }
    Ok(target)
}

fn fingerprint(bytes: &[u8]) -> u64 {
    use sha2::Digest as _;
    let digest = sha2::Sha256::digest(bytes);
    u64::from_be_bytes(digest[..8].try_into().expect("a digest has 32 bytes"))
}
