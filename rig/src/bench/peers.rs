//! `cargo bench-ship -- --peers`: the program, the floor, and what people would write instead, in one run. The peers are the scripts in
//! `benches/peers/`, with the libraries that their lock files pin, fetched on first use.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use super::plot::{Panel, svg};
use super::server::Addresses;
use super::{Bench, Load, Measured, Mover, megabytes, size_name};
use crate::demo::print;
use crate::npm::{self, workspace};
use crate::pip;

/// One script, and what runs it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Peer {
    pub(super) name: &'static str,
    interpreter: PathBuf,
    script: PathBuf,
}

impl Peer {
    async fn all() -> anyhow::Result<Vec<Self>> {
        let (node, python) = ("benches/peers/node", "benches/peers/python");
        let packages = npm::install(node).await?;
        let interpreter = pip::install(python).await?;
        let by_node = |name, script| Self { name, interpreter: "node".into(), script: packages.join(script) };
        let by_python = |name, script| Self {
            name,
            interpreter: interpreter.clone(),
            script: workspace().join(python).join(script),
        };
        Ok(vec![
            by_node("Node.js, naive", "naive.mjs"),
            by_node("Node.js, careful", "careful.mjs"),
            by_python("Python, naive", "naive.py"),
            by_python("Python, careful", "careful.py"),
        ])
    }

    pub(super) fn command(&self, addresses: &Addresses, certificate: &Path, load: &Load) -> Command {
        let mut command = Command::new(&self.interpreter);
        command
            .env("NODE_EXTRA_CA_CERTS", certificate)
            .env("REQUESTS_CA_BUNDLE", certificate)
            .env("NO_PROXY", "localhost");
        command.arg(&self.script).args([&addresses.storage, &addresses.axiom]);
        command.args(load.blobs.iter().map(|(blob, _)| blob));
        command
    }
}

impl Bench {
    /// Measures all of them in turn, so that all see the same moods of the machine.
    pub(super) async fn against_peers(&self, size: u64) -> anyhow::Result<()> {
        let peers = Peer::all().await?;
        let movers: Vec<_> = [Mover::Program, Mover::Floor].into_iter().chain(peers.iter().map(Mover::Peer)).collect();
        let runs = self.in_turn(&movers, size, true).await?;
        let lines: Vec<_> = movers.iter().map(Mover::name).zip(runs).collect();
        print(&format!(
            "Blobs of {}, TLS, zstd level {} of sentinel-axiom and the floor, median of {}.\n\n{}",
            size_name(size),
            self.options.level,
            self.options.rounds,
            table(&lines)
        ));
        match &self.options.plot {
            Some(file) => std::fs::write(file, plot(&lines)).with_context(|| format!("write {}", file.display())),
            None => Ok(()),
        }
    }
}

/// As Markdown, the first line being ours.
fn table(lines: &[(&str, Measured)]) -> String {
    let mut table =
        "| mover | MB/CPU-s | CPU of ours | wall MB/s | peak MB | ratio | $/TB |\n|---|--:|--:|--:|--:|--:|--:|\n"
            .to_owned();
    for (name, measured) in lines {
        writeln!(
            table,
            "| {name} | {:.0} | {:.1}x | {:.0} | {:.0} | {:.2} | {:.2} |",
            measured.efficiency(),
            lines[0].1.efficiency() / measured.efficiency(),
            measured.megabytes() / measured.cost.wall.as_secs_f64(),
            megabytes(measured.cost.peak),
            measured.ratio(),
            measured.dollars(),
        )
        .expect("a String takes any text");
    }
    table
}

fn plot(lines: &[(&str, Measured)]) -> String {
    let bars = |value: fn(&Measured) -> f64| lines.iter().map(|(name, measured)| (*name, value(measured))).collect();
    svg(&[
        Panel { title: "MB of rows for a second of CPU time (more is better)", bars: bars(Measured::efficiency) },
        Panel { title: "Peak memory, MB (less is better)", bars: bars(|measured| megabytes(measured.cost.peak)) },
    ])
}
