//! The shipped program's speed and memory, against a floor of the same run: `cargo bench-ship`, `cargo bench-ship --help`.

use clap::Parser as _;
use rig::bench::{Options, run};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    run(Options::parse()).await
}
