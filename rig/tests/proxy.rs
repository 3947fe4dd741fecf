//! The proxy in front of the storage emulator: true to what passes, and to its faults.

#![allow(clippy::unwrap_used, reason = "all of it is test code, helpers too")]

use std::collections::BTreeMap;

use rig::azurite::{Account, Azurite, IDENTITY};
use rig::proxy::{Fault, Operation, Proxy};
use sentinel_axiom::azure::{Blobs, Outcome, Properties, connect_blobs};

const CONTAINER: &str = "am-syslog";
/// Whatever a name may hold must keep its encoding, or the signature fails.
const NAME: &str = "a=1/b c/ä%2F.json";

async fn behind_a_proxy() -> (Proxy, Blobs, Account) {
    rig::install_tls();
    let account = Azurite::shared().await.unwrap().new_account();
    let proxy = Proxy::start(account.blob_url()).await.unwrap();
    let blobs = connect_blobs(&account.behind(proxy.url(), account.queue_url()).access(), IDENTITY).unwrap();
    blobs.put(CONTAINER, NAME, vec![b'x'; 300_000].into()).await.unwrap();
    (proxy, blobs, account)
}

async fn look(blobs: &Blobs) -> Properties {
    blobs.properties(CONTAINER, NAME).await.unwrap().unwrap()
}

fn metadata(value: &str) -> BTreeMap<String, String> {
    [("axiom_shipped".to_owned(), value.to_owned())].into()
}

#[tokio::test]
async fn requests_pass_as_they_were_signed() {
    let (proxy, blobs, account) = behind_a_proxy().await;
    let seen = look(&blobs).await;
    let done = blobs.set_metadata(CONTAINER, NAME, &metadata("7"), &seen.version).await.unwrap();
    assert!(matches!(done, Outcome::Done(Some(_))), "{done:?}");
    let direct = connect_blobs(&account.access(), IDENTITY).unwrap();
    assert_eq!(look(&direct).await.metadata, metadata("7"));
    assert_eq!(blobs.get(CONTAINER, NAME).await.unwrap().0.len(), 300_000);
    let version = look(&blobs).await.version;
    assert_eq!(blobs.delete(CONTAINER, NAME, &version).await.unwrap(), Outcome::Done(None));
    assert_eq!(proxy.happened(), []);
}

#[tokio::test]
async fn a_write_is_done_and_its_answer_lost() {
    let (proxy, blobs, _account) = behind_a_proxy().await;
    let seen = look(&blobs).await;
    proxy.script([(Operation::SetMetadata, Fault::ResetAfter)]);
    // The client tries again by itself, and the version is another one by then.
    assert_eq!(blobs.set_metadata(CONTAINER, NAME, &metadata("7"), &seen.version).await.unwrap(), Outcome::Changed);
    let seen = look(&blobs).await;
    assert_eq!(seen.metadata, metadata("7"));
    proxy.script([(Operation::Delete, Fault::ResetAfter)]);
    assert_ne!(blobs.delete(CONTAINER, NAME, &seen.version).await.unwrap(), Outcome::Done(None));
    assert!(blobs.properties(CONTAINER, NAME).await.unwrap().is_none());
    let faults: Vec<_> = proxy.happened().into_iter().map(|happened| happened.fault).collect();
    assert_eq!(faults, [Fault::ResetAfter, Fault::ResetAfter]);
    assert_eq!(proxy.happened()[0].path, format!("{CONTAINER}/a=1%2Fb%20c%2F%C3%A4%252F.json"));
}

#[tokio::test]
async fn what_is_refused_is_not_done() {
    let (proxy, blobs, _account) = behind_a_proxy().await;
    let seen = look(&blobs).await;
    proxy.script([(Operation::SetMetadata, Fault::Refuse(412, "ConditionNotMet"))]);
    assert_eq!(blobs.set_metadata(CONTAINER, NAME, &metadata("7"), &seen.version).await.unwrap(), Outcome::Changed);
    proxy.script([(Operation::Delete, Fault::Refuse(409, "OperationNotAllowed"))]);
    let error = blobs.delete(CONTAINER, NAME, &seen.version).await.unwrap_err();
    assert_eq!(error.status(), Some(409), "{error}");
    assert_eq!(look(&blobs).await.metadata, BTreeMap::new());
    // Tried again by the client itself.
    proxy.script([(Operation::Look, Fault::Refuse(503, "ServerBusy")), (Operation::Look, Fault::ResetBefore)]);
    assert_eq!(look(&blobs).await.version, seen.version);
}

#[tokio::test]
async fn a_body_that_breaks_is_taken_up_at_the_exact_byte() {
    let (proxy, blobs, _account) = behind_a_proxy().await;
    proxy.script([(Operation::Read, Fault::BreakBody), (Operation::Read, Fault::BreakBody)]);
    let created = look(&blobs).await.created;
    let mut reader = blobs.read(CONTAINER, NAME, 10, 300_000, created);
    let mut read = 0;
    while let Some(bytes) = reader.next().await.unwrap() {
        read += bytes.len();
    }
    assert_eq!((read, proxy.happened().len()), (299_990, 2));
}
