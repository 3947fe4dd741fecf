//! Our storage door against the real emulator.

use std::collections::BTreeMap;

use futures::TryStreamExt as _;
use rig::azurite::{Azurite, IDENTITY};
use sentinel_axiom::azure::{Outcome, connect_blobs, connect_queue};

#[tokio::test]
async fn every_operation_of_the_door_works_against_azurite() -> anyhow::Result<()> {
    rig::install_tls();
    let account = Azurite::shared().await?.new_account();
    let blobs = connect_blobs(&account.access(), IDENTITY)?;
    assert!(blobs.properties("am-x", "none").await?.is_none());
    blobs.put("am-x", "a/b c%20é/PT05M.json", "0123456789".into()).await?;
    let seen = blobs.properties("am-x", "a/b c%20é/PT05M.json").await?.expect("it was just written");
    assert_eq!((seen.length, seen.append), (10, false));

    let metadata = BTreeMap::from([("axiom_shipped".to_owned(), "4".to_owned())]);
    let Outcome::Done(Some(newer)) =
        blobs.set_metadata("am-x", "a/b c%20é/PT05M.json", &metadata, &seen.version).await?
    else {
        panic!()
    };
    assert_eq!(blobs.set_metadata("am-x", "a/b c%20é/PT05M.json", &metadata, &seen.version).await?, Outcome::Changed);
    assert_eq!(blobs.delete("am-x", "a/b c%20é/PT05M.json", &seen.version).await?, Outcome::Changed);
    let listed: Vec<_> = blobs.list("am-x", "").try_collect().await?;
    assert_eq!((listed.len(), listed[0].length, &listed[0].metadata), (1, 10, &metadata));
    assert_eq!(blobs.containers("am-").try_collect::<Vec<_>>().await?, ["am-x"]);

    let mut reader = blobs.read("am-x", "a/b c%20é/PT05M.json", 3, 8, seen.created);
    let mut read = Vec::new();
    while let Some(bytes) = reader.next().await? {
        read.extend_from_slice(&bytes);
    }
    assert_eq!(read, b"34567");
    let mut replaced =
        blobs.read("am-x", "a/b c%20é/PT05M.json", 0, 8, seen.created - std::time::Duration::from_secs(1));
    assert!(replaced.next().await.unwrap_err().to_string().contains("replaced"));

    assert_eq!(blobs.delete("am-x", "a/b c%20é/PT05M.json", &newer).await?, Outcome::Done(None));
    assert!(blobs.properties("am-x", "a/b c%20é/PT05M.json").await?.is_none());

    let queue = connect_queue(&account.access(), IDENTITY, "work")?;
    queue.ensure().await?;
    queue.ensure().await?;
    queue.send("{\"a\":\"é\"}").await?;
    assert_eq!(queue.length().await?, 1);
    Ok(())
}
