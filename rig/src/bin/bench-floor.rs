//! The floor of `cargo bench-ship`, as a process of its own, so that its cost can be told from that of the endpoints.

use clap::Parser as _;
use rig::bench::floor::{Floor, run};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    run(&Floor::parse()).await
}
