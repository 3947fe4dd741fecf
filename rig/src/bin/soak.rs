//! The whole program under load for as long as you like, its memory and lag watched: `cargo soak`, `cargo soak -- --help`.

use std::process::ExitCode;

use anyhow::bail;
use clap::Parser as _;
use rig::soak::{Options, run};

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let options = Options::parse();
    // Interrupted, everything that was started is dropped and so ended.
    let steady = tokio::select! {
        steady = run(&options) => steady?,
        _ = tokio::signal::ctrl_c() => bail!("interrupted"),
    };
    Ok(if steady { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
