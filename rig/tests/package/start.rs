//! The program as the tests have it, packaged, and started from the zip.

use std::path::Path;

use rig::azurite::Azurite;
use rig::package::{self, trial};

#[tokio::test(flavor = "multi_thread")]
async fn the_package_starts_from_the_zip_in_an_empty_folder_and_delivers_a_row() -> anyhow::Result<()> {
    rig::install_tls();
    let executable = rig::handler::build().await?;
    let zip = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("start-{:x}.zip", fastrand::u64(..)));
    package::write_zip(&package::collect(&rig::npm::workspace(), &executable)?, &zip)?;
    trial::deliver_a_row(&zip, &Azurite::shared().await?.new_account()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_that_cannot_start_fails_the_trial() -> anyhow::Result<()> {
    rig::install_tls();
    let zip = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("broken-{:x}.zip", fastrand::u64(..)));
    let mut entries = package::collect(&rig::npm::workspace(), Path::new("/bin/false"))?;
    entries.iter_mut().filter(|entry| entry.name == "sentinel-axiom").for_each(|entry| entry.mode = 0o644);
    package::write_zip(&entries, &zip)?;
    let error = trial::deliver_a_row(&zip, &Azurite::shared().await?.new_account()).await.unwrap_err();
    assert!(format!("{error:#}").contains("start the package"), "{error:#}");
    Ok(())
}
