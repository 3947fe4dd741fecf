//! `cargo package-app`: builds the static binary and writes the deployable package, as the folder `target/app` (for azd and Core Tools) and as
//! `target/sentinel-axiom.zip` (for a release). Two builds of one commit give the same zip.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use rig::azurite::Azurite;
use rig::npm::workspace;
use rig::package::{self, trial};

/// Static, so that the age of the platform's glibc does not matter.
const TARGET: &str = "x86_64-unknown-linux-musl";
const PROGRAM: &str = "sentinel-axiom";

/// Builds the deployable package: the folder `target/app` and `target/sentinel-axiom.zip`.
#[derive(Parser)]
struct Options {
    /// Start the package from the zip, in an empty folder, under a stand-in for the Functions host, and see a row through.
    #[arg(long = "try")]
    trial: bool,
    /// Build without optimisation: to try the packaging, not to deploy.
    #[arg(long)]
    quick: bool,
}

#[tokio::main]
async fn main() -> Result<()> {
    let options = Options::parse();
    let root = workspace();
    let variables: HashMap<String, String> = std::env::vars().collect();
    let target = variables.get("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |folder| root.join(folder));
    let executable = build(&root, &target, &variables, options.quick)?;
    let entries = package::collect(&root, &executable)?;
    let (folder, zip) = (target.join("app"), target.join(format!("{PROGRAM}.zip")));
    package::write_folder(&entries, &folder)?;
    package::write_zip(&entries, &zip)?;
    let mut out = std::io::stdout();
    for entry in &entries {
        writeln!(out, "{:o} {:>9} {}", entry.mode, entry.bytes.len(), entry.name)?;
    }
    writeln!(out, "{}\n{}  sha256 {}", folder.display(), zip.display(), package::sha256(&zip)?)?;
    if options.trial {
        rig::install_tls();
        let azurite = Azurite::start().await?;
        trial::deliver_a_row(&zip, &azurite.account()).await.context("try the package")?;
        writeln!(out, "started from the zip in an empty folder, and brought a row to a stand-in for Axiom")?;
    }
    Ok(())
}

/// Builds the static binary and gives its path.
fn build(root: &Path, target: &Path, variables: &HashMap<String, String>, quick: bool) -> Result<PathBuf> {
    // Does nothing where the target is there. Without rustup, the build below says what is missing.
    drop(Command::new("rustup").args(["target", "add", TARGET]).current_dir(root).output());
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--locked", "--package", PROGRAM, "--bin", PROGRAM, "--target", TARGET]);
    // The tests' profile, so that build scripts and macros are there already, but for its optimised dependencies.
    let plain = ["profile.dev.opt-level=0", "profile.dev.package.\"*\".opt-level=0", "profile.dev.strip=true"];
    if quick {
        cargo.args(plain.iter().flat_map(|setting| ["--config", *setting]));
    } else {
        cargo.arg("--release");
    }
    cargo.current_dir(root).env("CARGO_TARGET_DIR", target);
    // Under `cargo run`, these describe the rig, and build scripts that watch them would run again.
    for name in variables.keys().filter(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
        cargo.env_remove(name);
    }
    // Paths of the machine in panic messages and assertions would make each machine's binary another one.
    let home = variables.get("CARGO_HOME").cloned().or_else(|| Some(format!("{}/.cargo", variables.get("HOME")?)));
    let home = home.context("find Cargo's home: neither CARGO_HOME nor HOME is set")?;
    let (root, folder) = (root.display(), target.display());
    let paths = [format!("{home}=/cargo"), format!("{root}=/src"), format!("{folder}=/target")];
    let rust_flags = paths.each_ref().map(|path| format!("--remap-path-prefix={path}")).join(" ");
    let c_flags = paths.map(|path| format!("-ffile-prefix-map={path}")).join(" ");
    cargo.env("CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_RUSTFLAGS", rust_flags);
    cargo.env("CFLAGS_x86_64_unknown_linux_musl", format!("-U_FORTIFY_SOURCE {c_flags}"));
    if !variables.contains_key("CC_x86_64_unknown_linux_musl") {
        cargo.env("CC_x86_64_unknown_linux_musl", compiler()?);
    }
    ensure!(
        cargo.status().context("start cargo")?.success(),
        "build {PROGRAM} for {TARGET}: see cargo's messages above"
    );
    Ok(target.join(TARGET).join(if quick { "debug" } else { "release" }).join(PROGRAM))
}

/// The C compiler for ring, zstd and jemalloc (which needs `make`, too). Their C needs nothing of a libc but what musl has under the same names, so where musl's own is missing any gcc will do;
/// `-U_FORTIFY_SOURCE` keeps glibc's checked variants out, and the linker finds out if anything else of glibc were asked for.
fn compiler() -> Result<&'static str> {
    let works = |name: &str| Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success());
    ensure!(works("make"), "find make: install it (Debian and Ubuntu: apt-get install make)");
    match ["musl-gcc", "gcc"].into_iter().find(|name| works(name)) {
        Some(name) => Ok(name),
        None => bail!("find a C compiler: install musl-gcc (Debian and Ubuntu: apt-get install musl-tools) or gcc"),
    }
}
