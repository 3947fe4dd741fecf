//! `cargo bench-ship -- --peers`: the program, the floor, and what people would write instead, in one run. The peers are the scripts in
//! `benches/peers/`, with the libraries that their lock files pin, fetched on first use.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use super::plot::{Panel, svg};
use super::server::Addresses;
use super::{Bench, Load, Measured, Mover, median, megabytes, pip, size_name};
use crate::demo::print;
use crate::npm::{self, workspace};

/// One script, and what runs it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Peer {
    name: &'static str,
    interpreter: PathBuf,
    script: PathBuf,
}

/// US dollars for a second of CPU time, and for a gigabyte sent. Source: Azure's prices for Flex Consumption on demand ($0.000026 a GB-second, 2 GB of
/// memory for each core) and for traffic to the internet (after the first 100 GB of a month, from Europe or North America).
const CPU_SECOND: f64 = 0.000_052;
const EGRESS_GIGABYTE: f64 = 0.087;

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

impl Mover<'_> {
    fn name(&self) -> &'static str {
        match self {
            Mover::Program => "sentinel-axiom",
            Mover::Floor => "floor",
            Mover::Peer(peer) => peer.name,
        }
    }
}

impl Bench {
    /// Measures all of them in turn, so that all see the same moods of the machine.
    pub(super) async fn against_peers(&self, size: u64) -> anyhow::Result<()> {
        let peers = Peer::all().await?;
        let movers: Vec<_> = [Mover::Program, Mover::Floor].into_iter().chain(peers.iter().map(Mover::Peer)).collect();
        let mut runs = vec![Vec::new(); movers.len()];
        for _ in 0..self.options.rounds {
            for (mover, runs) in movers.iter().zip(&mut runs) {
                runs.push(self.measure(*mover, size, true).await.with_context(|| format!("measure {}", mover.name()))?);
            }
        }
        let names = movers.iter().map(Mover::name);
        let lines: Vec<_> = names.zip(runs.into_iter().map(median)).collect();
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
            dollars(measured.efficiency(), measured.ratio()),
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

/// What a terabyte of rows costs: the CPU time, and the compressed bytes that leave Azure.
fn dollars(megabytes_per_cpu_second: f64, ratio: f64) -> f64 {
    1e6 / megabytes_per_cpu_second * CPU_SECOND + 1e3 / ratio * EGRESS_GIGABYTE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terabyte_costs_its_cpu_time_and_its_egress() {
        for (efficiency, ratio, wanted) in [(500.0, 10.0, 0.104 + 8.7), (50.0, 1.0, 1.04 + 87.0)] {
            assert!((dollars(efficiency, ratio) - wanted).abs() < 1e-9, "{efficiency} {ratio}");
        }
    }
}
