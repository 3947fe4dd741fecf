//! The demo itself, small: every row that is written as data export writes, wrong ones included, arrives or is set aside, and every blob
//! is deleted, through the shipped binary under the stand-in for the Functions host.

use rig::demo::{Options, run};

#[tokio::test(flavor = "multi_thread")]
async fn every_row_is_accounted_for() -> anyhow::Result<()> {
    let options = Options { rows: 6000, tables: 8, seconds: 2, seed: 7, bad_share: 0.01, plain: true };
    assert!(run(&options, Vec::new()).await?, "the summary above says what is missing");
    Ok(())
}
