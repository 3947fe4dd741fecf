//! `cargo package-app`: builds the static binary and writes the deployable package, as the folder `target/app` (for azd and Core Tools) and as
//! `target/sentinel-axiom.zip` (for a release). Two builds of one commit give the same zip.

use anyhow::{Context, Result, ensure};
use rig::package;
use std::collections::HashMap;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Static, so that the age of the platform's glibc does not matter.
const TARGET: &str = "x86_64-unknown-linux-musl";
const PROGRAM: &str = "sentinel-axiom";

fn main() -> Result<()> {
    let root =
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("find the repository: the rig lies in its root")?;
    let variables: HashMap<String, String> = env::vars().collect();
    let target = variables.get("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    build(root, &target, &variables)?;
    let executable = target.join(TARGET).join("release").join(PROGRAM);
    let entries = package::collect(root, &executable)?;
    let (folder, zip) = (target.join("app"), target.join(format!("{PROGRAM}.zip")));
    package::write_folder(&entries, &folder)?;
    package::write_zip(&entries, &zip)?;
    for entry in &entries {
        println!("{:o} {:>9} {}", entry.mode, entry.bytes.len(), entry.name);
    }
    println!("{}\n{}", folder.display(), zip.display());
    Ok(())
}

fn build(root: &Path, target: &Path, variables: &HashMap<String, String>) -> Result<()> {
    // Does nothing where the target is there. Without rustup, the build below says what is missing.
    drop(Command::new("rustup").args(["target", "add", TARGET]).current_dir(root).output());
    let mut cargo = Command::new(variables.get("CARGO").map_or("cargo", String::as_str));
    cargo.args(["build", "--locked", "--release", "--package", PROGRAM, "--bin", PROGRAM, "--target", TARGET]);
    cargo.current_dir(root).env("CARGO_TARGET_DIR", target);
    // Paths of the machine in panic messages and assertions would make each machine's binary another one.
    let home = variables.get("CARGO_HOME").cloned().or_else(|| Some(format!("{}/.cargo", variables.get("HOME")?)));
    let home = home.context("find Cargo's home: neither CARGO_HOME nor HOME is set")?;
    let root = root.display();
    let rust_flags = format!("--remap-path-prefix={home}=/cargo --remap-path-prefix={root}=/src");
    let c_flags = format!("-ffile-prefix-map={home}=/cargo -ffile-prefix-map={root}=/src");
    cargo.env("CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_RUSTFLAGS", rust_flags);
    cargo.env("CFLAGS_x86_64_unknown_linux_musl", format!("-U_FORTIFY_SOURCE {c_flags}"));
    if !variables.contains_key("CC_x86_64_unknown_linux_musl") {
        // The C in ring and zstd needs nothing of a libc but its plainest functions, so any gcc will do; `-U_FORTIFY_SOURCE` keeps glibc's own out.
        let musl_gcc = Command::new("musl-gcc").arg("--version").output().is_ok();
        cargo.env("CC_x86_64_unknown_linux_musl", if musl_gcc { "musl-gcc" } else { "gcc" });
    }
    ensure!(
        cargo.status().context("start cargo")?.success(),
        "build {PROGRAM} for {TARGET}: see cargo's messages above"
    );
    Ok(())
}
