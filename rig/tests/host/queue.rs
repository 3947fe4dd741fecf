//! The queue trigger against a real queue.

use std::collections::HashMap;
use std::process::Command;
use std::time::Duration;

use azure_storage_queue::models::QueueMessage;
use rig::azurite::{Account, Azurite, IDENTITY};
use rig::host::{Host, HostOptions, Trouble};
use sentinel_axiom::azure::{Queue, connect_queue};
use serde_json::Value;

use crate::support::{app_root, is_alive, requests, settings, until};

struct Rig {
    account: Account,
    work: Queue,
    poison: Queue,
}

impl Rig {
    async fn start() -> Rig {
        rig::install_tls();
        let account = Azurite::shared().await.unwrap().new_account();
        let work = connect_queue(&account.access(), IDENTITY, "work").unwrap();
        let poison = connect_queue(&account.access(), IDENTITY, "work-poison").unwrap();
        work.ensure().await.unwrap();
        Rig { account, work, poison }
    }

    /// A host on the queue, with a lease of 2 s and a retry after 1 s in place of minutes.
    async fn host(&self, change: impl FnOnce(&mut HostOptions)) -> Host {
        let mut options = HostOptions::new(app_root(), settings(&self.account.connection_string(), ""));
        options.lease = Duration::from_secs(2);
        options.visibility_timeout = Some(Duration::from_secs(1));
        change(&mut options);
        Host::start(options).await.unwrap()
    }

    async fn until_empty(&self) {
        while self.work.length().await.unwrap() > 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// How often each text was delivered, and with which dequeue counts.
fn deliveries(host: &Host) -> HashMap<String, Vec<String>> {
    let mut deliveries: HashMap<String, Vec<String>> = HashMap::new();
    for request in requests(host) {
        let body: Value = serde_json::from_str(request["body"].as_str().unwrap()).unwrap();
        let text = serde_json::from_str(body["Data"]["event"].as_str().unwrap()).unwrap();
        let count = body["Metadata"]["DequeueCount"].as_str().unwrap().to_owned();
        deliveries.entry(text).or_default().push(count);
    }
    deliveries
}

#[tokio::test]
async fn messages_are_delivered_once_and_deleted() {
    let rig = Rig::start().await;
    for i in 0..20 {
        rig.work.send(&format!("ok {i}")).await.unwrap();
    }
    // Two instances share the queue.
    let (one, two) = tokio::join!(rig.host(|_| {}), rig.host(|_| {}));
    rig.until_empty().await;
    let (one, two) = (one.stop().await, two.stop().await);
    assert_eq!(one.succeeded + two.succeeded, 20);
    assert_eq!(one.invocations + two.invocations, 20);
    assert_eq!((one.redelivered, one.poisoned, two.redelivered, two.poisoned), (0, 0, 0, 0));
}

#[tokio::test]
async fn a_failing_message_is_tried_five_times_and_then_poisoned() {
    let rig = Rig::start().await;
    rig.work.send("500").await.unwrap();
    let host = rig.host(|_| {}).await;
    until("the message is poisoned", || host.stats().poisoned == 1).await;
    rig.until_empty().await;
    assert_eq!(rig.poison.length().await.unwrap(), 1);
    assert_eq!(deliveries(&host)["500"], ["1", "2", "3", "4", "5"]);
    let stats = host.stop().await;
    assert_eq!((stats.failed, stats.redelivered), (5, 4));
}

#[tokio::test]
async fn what_is_not_base64_never_reaches_the_handler() {
    let rig = Rig::start().await;
    let raw = QueueMessage { message_text: Some("{not base64}".to_owned()) };
    rig.work.client().send_message(raw.try_into().unwrap(), None).await.unwrap();
    let host = rig.host(|_| {}).await;
    until("the message is poisoned", || host.stats().poisoned == 1).await;
    let stats = host.stop().await;
    assert_eq!((stats.invocations, stats.failed), (0, 5));
}

#[tokio::test]
async fn batches_overlap_up_to_the_threshold() {
    let rig = Rig::start().await;
    let send = async |messages, text| {
        for _ in 0..messages {
            rig.work.send(text).await.unwrap();
        }
    };
    send(4, "ok 3000").await;
    send(4, "ok 9000").await;
    let host = rig.host(|_| {}).await;
    until("the first batch runs", || host.stats().in_flight == 8).await;
    // These wait until only the four long ones are left of the first batch; then eight are taken beside them.
    send(10, "ok 1000").await;
    rig.until_empty().await;
    let stats = host.stop().await;
    assert_eq!((stats.succeeded, stats.redelivered, stats.most_in_flight), (18, 0, 12));
}

#[tokio::test]
async fn a_lease_is_renewed_while_the_function_runs() {
    let rig = Rig::start().await;
    rig.work.send("ok 5000").await.unwrap();
    let host = rig.host(|_| {}).await;
    rig.until_empty().await;
    let stats = host.stop().await;
    assert_eq!((stats.invocations, stats.succeeded), (1, 1));
}

#[tokio::test]
async fn a_killed_call_is_delivered_again() {
    let rig = Rig::start().await;
    rig.work.send("ok 1000").await.unwrap();
    let host = rig.host(|_| {}).await;
    until("the call runs", || !requests(&host).is_empty()).await;
    host.kill_handler().await;
    rig.until_empty().await;
    assert_eq!(deliveries(&host)["ok 1000"], ["1", "2"]);
    let stats = host.stop().await;
    assert_eq!((stats.succeeded, stats.failed, stats.redelivered, stats.crashes), (1, 1, 1, 1));
}

#[tokio::test]
async fn an_abandoned_message_comes_again_after_its_lease() {
    let rig = Rig::start().await;
    rig.work.send("ok 3000").await.unwrap();
    let root = app_root();
    let host = rig.host(|options| options.app_root.clone_from(&root)).await;
    until("the call runs", || !requests(&host).is_empty()).await;
    let orphan = host.abandon().await.unwrap();
    until("the handler sees its connection closed", || root.join("cut").exists()).await;
    assert!(is_alive(orphan));
    let next = rig.host(|_| {}).await;
    rig.until_empty().await;
    assert_eq!(deliveries(&next)["ok 3000"], ["2"]);
    assert!(Command::new("kill").args(["-9", &orphan.to_string()]).status().unwrap().success());
}

#[tokio::test]
async fn copies_are_delivered_together_and_afterwards() {
    let rig = Rig::start().await;
    for i in 0..10 {
        rig.work.send(&format!("ok {i}")).await.unwrap();
    }
    let trouble = Trouble { seed: 7, duplicate: 1.0, hold: Duration::from_millis(300) };
    let host = rig.host(|options| options.trouble = trouble).await;
    until("every copy has succeeded", || host.stats().succeeded == 20).await;
    rig.until_empty().await;
    assert!(deliveries(&host).values().all(|counts| counts == &["1", "1"]));
    assert_eq!(host.stop().await.duplicated, 10);
}

#[tokio::test]
async fn stopping_waits_for_running_calls_up_to_its_limit() {
    let rig = Rig::start().await;
    rig.work.send("ok 1000").await.unwrap();
    let host = rig.host(|_| {}).await;
    until("the call runs", || !requests(&host).is_empty()).await;
    assert_eq!(host.stop().await.succeeded, 1);
    assert_eq!(rig.work.length().await.unwrap(), 0);

    rig.work.send("ok 60000").await.unwrap();
    let host = rig.host(|options| options.drain = Duration::ZERO).await;
    until("the call runs", || !requests(&host).is_empty()).await;
    let pid = host.ready().await.unwrap();
    let stats = host.stop().await;
    assert!(!is_alive(pid));
    assert_eq!((stats.succeeded, stats.failed, rig.work.length().await.unwrap()), (0, 0, 1));
}
