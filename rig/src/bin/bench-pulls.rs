//! `cargo bench-pulls`: see [`rig::bench_pulls`].

use std::process::ExitCode;

use anyhow::bail;
use clap::Parser as _;
use rig::bench_pulls::{Options, run};

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let options = Options::parse();
    // An interrupt ends the emulator and the program, too.
    let holds = tokio::select! {
        holds = run(options) => holds?,
        _ = tokio::signal::ctrl_c() => bail!("interrupted"),
    };
    Ok(if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
