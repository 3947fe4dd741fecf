//! A message is only ever a hint: losing one costs time, never rows.

use futures::StreamExt as _;
use rig::axiom::{Refusal, RetryAfter};
use rig::host::Verdict;

use crate::support::{CONTAINER, World, blob_name, invocation, rows, until};

#[tokio::test]
async fn a_blob_whose_message_ended_in_the_poison_queue_is_shipped_by_the_sweep() {
    let world = World::with_dataset().await;
    let (named, broken) = (blob_name(0), blob_name(5));
    world.put(&named, rows(0..5).as_bytes()).await;
    world.put(&broken, rows(5..10).as_bytes()).await;
    // Text that is not base64, such as an event subscription with the other encoding would write: the host cannot read it, whoever it names.
    let text = format!("{{\"container\":\"{CONTAINER}\",\"blob\":\"{named}\"}}");
    let message = azure_storage_queue::models::QueueMessage { message_text: Some(text) };
    let content = message.try_into().expect("a message");
    world.queue.client().send_message(content, None).await.expect("the queue takes it");
    let host = world.host().await;
    until("it is poison", || async { host.stats().poisoned == 1 }).await;
    assert!(world.arrived().is_empty(), "nothing came of it");
    until("both blobs are shipped", || async {
        assert!(host.fire("function-sweep").await.expect("the timer fires").succeeded());
        world.blobs.list(CONTAINER, "").count().await == 0
    })
    .await;
    assert_eq!(world.numbers(), (0..10).collect::<Vec<_>>());
    let stats = host.stop().await;
    assert_eq!((stats.poisoned, stats.violations), (1, vec![]));
}

#[tokio::test]
async fn a_message_answered_as_done_on_its_last_delivery_loses_nothing() {
    let world = World::with_dataset().await;
    let name = blob_name(0);
    world.put(&name, rows(0..5).as_bytes()).await;
    let down = Refusal::new(503, "down").retry_after(RetryAfter::Seconds(600));
    world.axiom.faults().always(Some(down.into()));
    let host = world.host().await;
    for delivery in 1..=4 {
        let answer = host.invoke("function-blob-trigger", &invocation(&name, delivery)).await;
        assert!(!answer.succeeded(), "delivery {delivery}: {answer:?}");
    }
    let last = host.invoke("function-blob-trigger", &invocation(&name, 5)).await;
    assert!(last.succeeded(), "the poison queue is for messages that make no sense: {last:?}");
    assert_eq!(world.mark(&name, "axiom_claim").await, None);
    drop(host);
    world.axiom.faults().clear();
    let host = world.host().await;
    until("the sweep finds it", || async {
        assert!(host.fire("function-sweep").await.expect("the timer fires").succeeded());
        world.properties(&name).await.is_none()
    })
    .await;
    assert_eq!(world.numbers(), [0, 1, 2, 3, 4]);
}

#[tokio::test]
async fn an_event_that_names_another_account_is_not_followed() {
    let world = World::with_dataset().await;
    let name = blob_name(0);
    world.put(&name, rows(0..5).as_bytes()).await;
    let version = world.version(&name).await;
    let host = world.host().await;
    let ours = world.blobs.endpoint();
    let other_path = ours.join("/another").expect("an address");
    for account in ["https://acct.blob.core.windows.net", "http://169.254.169.254/metadata", other_path.as_str()] {
        let event = serde_json::json!({
            "eventType": "Microsoft.Storage.BlobCreated",
            "subject": format!("/blobServices/default/containers/{CONTAINER}/blobs/{name}"),
            "data": { "api": "PutBlob", "url": format!("{account}/{CONTAINER}/{name}") },
        });
        let body = serde_json::json!({ "Data": { "event": event }, "Metadata": {} }).to_string();
        let Verdict::Succeeded(logs) = host.invoke("function-blob-trigger", &body).await.verdict else { panic!() };
        assert!(logs.concat().contains("not followed"), "{logs:?}");
    }
    assert_eq!((world.version(&name).await, world.axiom.requests().len()), (version, 0));
}
