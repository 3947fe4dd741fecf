//! A few runs of `cargo faults`, and of several handlers without faults.

use std::sync::Arc;

use rig::azurite::Azurite;
use rig::faults::{Scenario, all};
use rig::handler::{self, AppRoot};

/// Kills, lost answers, refused rows, two handlers, blobs made anew: seeds in which much happens.
const SEEDS: [u64; 10] = [84, 98, 126, 182, 200, 212, 269, 314, 323, 333];

async fn parts() -> anyhow::Result<(&'static Azurite, Arc<AppRoot>)> {
    rig::install_tls();
    Ok((Azurite::shared().await?, Arc::new(AppRoot::lay_out(&handler::build().await?)?)))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_is_accounted_for_whatever_goes_wrong() -> anyhow::Result<()> {
    let (azurite, app) = parts().await?;
    let new = u64::from(fastrand::u32(..));
    println!("seeds {SEEDS:?} and {new}");
    let scenarios = SEEDS.into_iter().chain([new]).map(|seed| Scenario::of(seed, None));
    let totals = all(scenarios, 6, azurite, &app).await?;
    assert_eq!((totals.runs, totals.lost, totals.failed), (11, 0, 0), "{totals}");
    assert!(totals.crashes > 0 && totals.unknown_to_axiom > 0 && totals.unknown_to_storage > 0, "{totals}");
    assert!(totals.duplicates <= totals.bound, "{totals}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn several_handlers_on_one_queue_send_nothing_twice() -> anyhow::Result<()> {
    let (azurite, app) = parts().await?;
    let totals = all([1, 2, 4].map(|handlers| Scenario::calm(7, handlers)), 3, azurite, &app).await?;
    assert_eq!((totals.runs, totals.lost, totals.failed, totals.duplicates), (3, 0, 0, 0), "{totals}");
    Ok(())
}
