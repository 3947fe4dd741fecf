//! Blobs that grow after their only event, driven by the Functions host's stand-in.

use sentinel_axiom::wake::{ExportBlob, SmallMessage};

use crate::support::{CONTAINER, TABLE, World, blob_name, rows, until};

#[tokio::test]
async fn a_growing_blob_is_shipped_as_it_grows_and_deleted_once_it_is_settled() {
    let mut world = World::new().await;
    world.set("SETTLE_AFTER", "3");
    let (name, text) = (blob_name(0), rows(0..3));
    // The last line is not finished: it is held back until the blob is settled.
    world.put_append(&name, text.trim_end().as_bytes()).await;
    let host = world.host().await;
    let blob = ExportBlob::parse(CONTAINER, &name).expect("an export blob");
    world.queue.send(&SmallMessage::new(&blob, 0).to_json()).await.expect("the queue takes it");
    until("the finished lines are delivered", || async { world.delivered(TABLE).len() >= 2 }).await;
    until("the settled blob is gone", || async {
        assert!(host.fire("function-sweep").await.expect("the timer fires").succeeded());
        world.properties(&name).await.is_none()
    })
    .await;
    assert_eq!(world.delivered(TABLE).join("\n") + "\n", text);
    let stats = host.stop().await;
    assert_eq!((stats.violations, stats.poisoned, stats.error_lines), (vec![], 0, 0));
}
