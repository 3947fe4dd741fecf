//! Pinned Python packages that the rig fetches by itself, once, into a virtual environment in `target/rig/`.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, bail};
use tokio::process::Command;

use crate::npm::{cache, fingerprint, workspace};

/// Installs what `<folder>/requirements.txt` pins, unless that is there already; gives the Python that finds it.
///
/// # Errors
/// Python or its pip is missing, or pip fails; its words are in the error.
pub async fn install(folder: &str) -> anyhow::Result<PathBuf> {
    let requirements = workspace().join(folder).join("requirements.txt");
    let lock = std::fs::read(&requirements).with_context(|| format!("read {folder}/requirements.txt"))?;
    let environment = cache().join(format!("python-{:016x}", fingerprint(&lock)));
    let python = environment.join("bin/python");
    // Written last: an environment without it was begun and not finished.
    let finished = environment.join("finished");
    if !finished.is_file() {
        let pip = environment_with_pip(&environment).await?;
        let install =
            ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "--requirement"];
        let install = install.iter().map(OsStr::new).chain([requirements.as_os_str()]);
        match pip {
            Pip::Own => run(python.as_os_str(), &install.collect::<Vec<_>>()).await?,
            Pip::Outer => {
                let into = ["-m", "pip", "--python"].map(OsStr::new).into_iter().chain([python.as_os_str()]);
                run("python3".as_ref(), &into.chain(install.skip(2)).collect::<Vec<_>>()).await?;
            }
        }
        std::fs::write(finished, "").context("note that the environment is finished")?;
    }
    Ok(python)
}

/// The pip that installs into an environment.
enum Pip {
    /// Its own.
    Own,
    /// That of the Python which made it.
    Outer,
}

/// Makes an environment. Where Python is split into packages, the one that puts pip into environments (`python3-venv` on Debian) may be
/// missing; then the outer pip serves.
async fn environment_with_pip(environment: &Path) -> anyhow::Result<Pip> {
    let make = ["-m", "venv", "--clear"].map(OsStr::new);
    let environment = environment.as_os_str();
    let Err(whole) = run("python3".as_ref(), &[make[0], make[1], make[2], environment]).await else {
        return Ok(Pip::Own);
    };
    let bare = [make[0], make[1], make[2], "--without-pip".as_ref(), environment];
    run("python3".as_ref(), &bare).await.map_err(|bare| whole.context(format!("without pip neither: {bare:#}")))?;
    Ok(Pip::Outer)
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
