//! The main job against real local parts: `cargo demo`, `cargo demo --help`.

use std::process::ExitCode;

use anyhow::bail;
use clap::Parser as _;
use rig::demo::{Options, run};

#[tokio::main]
#[expect(
    clippy::disallowed_methods,
    reason = "whether there is colour is a choice of the caller's environment, not a setting"
)]
async fn main() -> anyhow::Result<ExitCode> {
    let mut options = Options::parse();
    options.plain |= std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    // Interrupted, everything that was started is dropped and so ended.
    let complete = tokio::select! {
        complete = run(&options, std::env::vars().collect()) => complete?,
        _ = tokio::signal::ctrl_c() => bail!("interrupted"),
    };
    Ok(if complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
