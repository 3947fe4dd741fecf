//! The deployable package: the folder and the zip that Azure Functions takes. The same input gives the same bytes: entries are sorted, times and modes fixed.
//!
//! The executable's entry is named exactly as `defaultExecutablePath` in `host.json`, because Azure Functions Core Tools keep the executable bit of that
//! name alone ("Azure Functions custom handlers").

pub mod trial;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::fs::{self, File, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

const EXECUTABLE: u32 = 0o755;
const PLAIN: u32 = 0o644;

/// One file of the package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Path in the package, with forward slashes.
    pub name: String,
    /// Unix permissions.
    pub mode: u32,
    /// Content.
    pub bytes: Vec<u8>,
}

/// Collects what belongs into the package, sorted by name: `host.json`, each `function-*/function.json`, the ready files of `pulls/` and the executable.
/// Nothing else, so neither sources nor `local.settings.json` can slip in.
///
/// # Errors
/// A file cannot be read, `host.json` names no executable or one in a folder, or there is no function.
pub fn collect(root: &Path, executable: &Path) -> Result<Vec<Entry>> {
    let host = read(&root.join("host.json"))?;
    let name = executable_name(&host)?;
    let mut entries = vec![
        Entry { name, mode: EXECUTABLE, bytes: read(executable)? },
        Entry { name: "host.json".to_owned(), mode: PLAIN, bytes: host },
    ];
    let folders = fs::read_dir(root).with_context(|| format!("list {}", root.display()))?;
    for folder in folders {
        let folder = folder.with_context(|| format!("list {}", root.display()))?;
        let name = folder.file_name().to_string_lossy().into_owned();
        if name.starts_with("function-") {
            let bytes = read(&folder.path().join("function.json"))?;
            entries.push(Entry { name: format!("{name}/function.json"), mode: PLAIN, bytes });
        }
    }
    ensure!(
        entries.len() > 2,
        "find function-* in {}: there is none, and an app without functions does nothing",
        root.display()
    );
    // `PULLS_FILE` names one of them.
    for file in fs::read_dir(root.join("pulls")).into_iter().flatten() {
        let file = file.context("list pulls")?;
        let name = file.file_name().to_string_lossy().into_owned();
        if name.ends_with(".toml") {
            entries.push(Entry { name: format!("pulls/{name}"), mode: PLAIN, bytes: read(&file.path())? });
        }
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("read {}", path.display()))
}

/// The name that the host starts, out of `host.json`.
fn executable_name(host: &[u8]) -> Result<String> {
    let host: Value = serde_json::from_slice(host).context("parse host.json")?;
    let Some(name) = host.pointer("/customHandler/description/defaultExecutablePath").and_then(Value::as_str) else {
        bail!("read host.json: customHandler.description.defaultExecutablePath is missing");
    };
    ensure!(
        !name.is_empty() && !name.contains(['/', '\\']),
        "read host.json: defaultExecutablePath is {name:?}, not a bare name"
    );
    Ok(name.to_owned())
}

/// Writes the package as a folder, replacing what was there.
///
/// # Errors
/// The folder cannot be removed or written.
pub fn write_folder(entries: &[Entry], folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("remove {}", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
    entries.iter().try_for_each(|entry| write_entry(entry, folder))
}

fn write_entry(entry: &Entry, folder: &Path) -> Result<()> {
    let path = folder.join(&entry.name);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).with_context(|| format!("create {}", parent.display()))?;
    }
    fs::write(&path, &entry.bytes).with_context(|| format!("write {}", path.display()))?;
    fs::set_permissions(&path, Permissions::from_mode(entry.mode))
        .with_context(|| format!("set the mode of {}", path.display()))
}

/// Writes the package as a zip.
///
/// # Errors
/// The file cannot be written.
pub fn write_zip(entries: &[Entry], path: &Path) -> Result<()> {
    let write = || -> Result<()> {
        let mut zip = ZipWriter::new(File::create(path)?);
        for entry in entries {
            // 1980 is the earliest time that a zip can tell; a real one would make each build another file.
            let options = SimpleFileOptions::default()
                .compression_method(CompressionMethod::Deflated)
                .compression_level(Some(9))
                .last_modified_time(DateTime::default())
                .unix_permissions(entry.mode);
            zip.start_file(entry.name.as_str(), options)?;
            zip.write_all(&entry.bytes)?;
        }
        zip.finish()?.sync_all()?;
        Ok(())
    };
    write().with_context(|| format!("write {}", path.display()))
}

/// Reads a zip back, in the order of its entries.
///
/// # Errors
/// The file cannot be read, or is no zip.
pub fn read_zip(path: &Path) -> Result<Vec<Entry>> {
    let read = || -> Result<Vec<Entry>> {
        let mut zip = ZipArchive::new(File::open(path)?)?;
        let mut entries = Vec::with_capacity(zip.len());
        for index in 0..zip.len() {
            let mut file = zip.by_index(index)?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            let mode = file.unix_mode().context("an entry has no mode")? & 0o777;
            entries.push(Entry { name: file.name()?.into_owned(), mode, bytes });
        }
        Ok(entries)
    };
    read().with_context(|| format!("read {}", path.display()))
}

/// The SHA-256 of a file, in hexadecimal digits.
///
/// # Errors
/// The file cannot be read.
pub fn sha256(path: &Path) -> Result<String> {
    let digest = Sha256::digest(read(path)?);
    Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}
