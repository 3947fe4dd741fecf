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

/// Where the rig keeps what it fetches: `rig` in the folder that the build itself goes to.
#[must_use]
pub fn cache() -> PathBuf {
    // The running program is target/<profile>/[deps/]<program>.
    let program = std::env::current_exe().expect("the system knows the running program");
    let target = program.ancestors().find(|folder| folder.join(".rustc_info.json").is_file());
    target.map_or_else(|| workspace().join("target"), Path::to_owned).join("rig")
}

/// Installs what `<folder>/package-lock.json` pins, unless that is there already; gives the folder that holds `node_modules` and the other
/// files of `<folder>/`, which is named from the workspace's root.
///
/// # Errors
/// npm is missing or fails; its words are in the error.
pub async fn install(folder: &str) -> anyhow::Result<PathBuf> {
    let source = workspace().join(folder);
    let name = folder.rsplit('/').next().unwrap_or(folder);
    let lock =
        std::fs::read(source.join("package-lock.json")).with_context(|| format!("read the lock file of {folder}"))?;
    let target = cache().join(format!("{name}-{:016x}", fingerprint(&lock)));
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
                "npm ci in {folder} failed:\n{}{}",
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

/// Tells one lock file from another, in the name of the folder that holds what it pins.
pub(crate) fn fingerprint(bytes: &[u8]) -> u64 {
    use sha2::Digest as _;
    let digest = sha2::Sha256::digest(bytes);
    u64::from_be_bytes(digest[..8].try_into().expect("a digest has 32 bytes"))
}
