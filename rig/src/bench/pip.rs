//! Pinned Python packages that the rig fetches by itself, once, into a virtual environment in `target/rig/`.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context as _, bail};
use tokio::process::Command;

use crate::npm::{cache, fingerprint, workspace};

/// Installs what `<folder>/requirements.txt` pins, unless that is there already; gives the Python that finds it.
///
/// # Errors
/// Python or its pip is missing, or pip fails; its words are in the error.
pub(super) async fn install(folder: &str) -> anyhow::Result<PathBuf> {
    let requirements = workspace().join(folder).join("requirements.txt");
    let lock = std::fs::read(&requirements).with_context(|| format!("read {folder}/requirements.txt"))?;
    let environment = cache().join(format!("python-{:016x}", fingerprint(&lock)));
    let python = environment.join("bin/python");
    // Written last: an environment without it was begun and not finished.
    let finished = environment.join("finished");
    if !finished.is_file() {
        let environment = environment.as_os_str();
        run("python3".as_ref(), &["-m".as_ref(), "venv".as_ref(), "--clear".as_ref(), environment]).await?;
        let install =
            ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "--requirement"];
        let arguments: Vec<&OsStr> = install.iter().map(OsStr::new).chain([requirements.as_os_str()]).collect();
        run(python.as_os_str(), &arguments).await?;
        std::fs::write(finished, "").context("note that the environment is finished")?;
    }
    Ok(python)
}

async fn run(program: &OsStr, arguments: &[&OsStr]) -> anyhow::Result<()> {
    let command = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    let output = command.await.context("start Python (3.10 or newer must be installed, with venv)")?;
    if !output.status.success() {
        let (said, failed) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        bail!("{} {} failed:\n{said}{failed}", program.display(), arguments.join(OsStr::new(" ")).display());
    }
    Ok(())
}
