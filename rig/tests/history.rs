//! A small run of `cargo bench-history kill`.

use clap::Parser as _;
use rig::bench_history::{Options, run};

/// Kills that hit reading, sending and the rest; every row arrives, and those that came twice are told.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_killed_again_and_again_loses_no_row_and_tells_what_it_repeats() -> anyhow::Result<()> {
    let seed = u64::from(fastrand::u32(..)).to_string();
    println!("seed {seed}");
    let small = ["--rows", "30000", "--kills", "3", "--slice-rows", "2000", "--reply-rows", "1000", "--latency", "10"];
    let args = ["bench-history", "kill", "--seed", &seed].into_iter().chain(small);
    assert!(run(Options::parse_from(args)).await?, "see what it says");
    Ok(())
}
