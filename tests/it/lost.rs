//! Writes to storage that are carried out while their answer is lost, and writes that are refused for no reason.

use rig::proxy::{Fault, Operation, Proxy};

use crate::support::{TABLE, World, blob_name, rows};

const PASS: Fault = Fault::Delay(std::time::Duration::ZERO);

/// One visit to a blob of five batches, with faults met by its writes in order: each row arrives once and the blob is deleted, in that visit.
async fn check(faults: &[(Operation, Fault)]) {
    let mut world = World::new().await;
    let proxy = Proxy::start(world.account.blob_url()).await.expect("a proxy");
    let connection = world.account.behind(proxy.url(), world.account.queue_url()).connection_string();
    world.set("EXPORT_STORAGE", &connection).set("BATCH_ROWS", "2").set("UPLOADS", "1");
    let (name, text) = (blob_name(0), rows(0..10));
    world.put(&name, text.as_bytes()).await;
    proxy.script(faults.iter().cloned());
    let ran = world.run_once().await;
    assert_eq!(proxy.happened().len(), faults.len(), "{faults:?} were not all met: {}", ran.output);
    assert_eq!(world.delivered(TABLE).join("\n") + "\n", text, "{faults:?}: {}", ran.output);
    assert!(world.properties(&name).await.is_none(), "{faults:?}: the blob is left: {}", ran.output);
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_taken_for_what_it_was() {
    let marks = |fault: Fault| (Operation::SetMetadata, fault);
    check(&[marks(Fault::ResetAfter)]).await;
    check(&[marks(PASS), marks(Fault::ResetAfter)]).await;
    check(&[marks(PASS), marks(PASS), marks(Fault::ResetAfter), marks(Fault::ResetAfter)]).await;
    check(&[(Operation::Delete, Fault::ResetAfter)]).await;
}

#[tokio::test]
async fn a_claim_that_is_given_up_without_an_answer_is_given_up() {
    let mut world = World::new().await;
    let proxy = Proxy::start(world.account.blob_url()).await.expect("a proxy");
    let connection = world.account.behind(proxy.url(), world.account.queue_url()).connection_string();
    world.set("EXPORT_STORAGE", &connection).set("SETTLE_AFTER", "600");
    world.put_append(&blob_name(0), rows(0..10).as_bytes()).await;
    proxy.script([(Operation::SetMetadata, PASS), (Operation::SetMetadata, Fault::ResetAfter)]);
    let ran = world.run_once().await;
    assert_eq!(proxy.happened().len(), 2, "the claim, and giving it up: {}", ran.output);
    assert!(!ran.output.contains("ERROR"), "{}", ran.output);
    let metadata = world.properties(&blob_name(0)).await.expect("it may grow").metadata;
    assert!(metadata.contains_key("axiom_shipped") && !metadata.contains_key("axiom_claim"), "{metadata:?}");
}

#[tokio::test]
async fn a_write_that_is_refused_for_no_reason_is_made_again() {
    let changed = || Fault::Refuse(412, "ConditionNotMet");
    let marks = |fault: Fault| (Operation::SetMetadata, fault);
    check(&[marks(changed())]).await;
    check(&[marks(PASS), marks(changed()), marks(changed())]).await;
    check(&[marks(Fault::Refuse(503, "ServerBusy")), marks(Fault::ResetBefore)]).await;
    check(&[(Operation::Delete, Fault::Refuse(503, "ServerBusy")), (Operation::Delete, Fault::ResetBefore)]).await;
}

#[tokio::test]
async fn a_record_of_refused_rows_that_storage_refuses_is_written_again_and_its_batch_not_sent_again() {
    let mut world = World::new().await;
    let proxy = Proxy::start(world.account.blob_url()).await.expect("a proxy");
    let connection = world.account.behind(proxy.url(), world.account.queue_url()).connection_string();
    world.set("AzureWebJobsStorage", &connection);
    let text = rows(0..5);
    world.put(&blob_name(0), text.as_bytes()).await;
    let refuse = || (Operation::Put, Fault::Refuse(409, "OperationNotAllowedInCurrentState"));
    proxy.script([refuse(), refuse()]);
    world.axiom.faults().script([rig::axiom::Fault::Pass, rig::axiom::Fault::FailRows(1)]);
    world.run_once().await;
    assert_eq!(proxy.happened().len(), 2);
    assert_eq!(world.delivered(TABLE), text.lines().take(4).collect::<Vec<_>>(), "sent once");
    assert_eq!(world.refused().await.len(), 5, "Axiom does not say which, so all of them are kept");
    assert!(world.properties(&blob_name(0)).await.is_none());
}
