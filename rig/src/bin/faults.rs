//! The whole program against seeded faults, every row accounted for: `cargo faults`, `cargo faults -- --help`.

use std::process::ExitCode;

use anyhow::bail;
use clap::Parser as _;
use rig::faults::{Options, run};

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let options = Options::parse();
    // Interrupted, everything that was started is dropped and so ended.
    let complete = tokio::select! {
        complete = run(&options) => complete?,
        _ = tokio::signal::ctrl_c() => bail!("interrupted"),
    };
    Ok(if complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
