//! Life and death of the handler process.

use std::process::Stdio;
use std::time::Duration;

use rig::host::{Host, HostOptions};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::support::{app_root, is_alive, quiet, quiet_host, requests, tell, until};

#[tokio::test]
async fn a_killed_handler_comes_back_on_the_same_port() {
    let host = quiet_host("", |_| {}).await;
    let port = host.port();
    let (call, killed) = tokio::join!(tell(&host, "ok 60000"), async {
        until("the call runs", || !requests(&host).is_empty()).await;
        host.kill_handler().await
    });
    assert!(!call.succeeded());
    assert!(!is_alive(killed.unwrap()));
    assert_ne!(host.ready().await.unwrap(), killed.unwrap());
    assert!(tell(&host, "ok").await.succeeded());
    let stats = host.stats();
    assert_eq!((host.port(), stats.crashes, stats.starts, stats.violations.len()), (port, 1, 2, 0));
}

#[tokio::test]
async fn the_third_crash_ends_the_host() {
    let host = quiet_host("", |_| {}).await;
    for crashes in 1..=3 {
        assert!(!tell(&host, "crash").await.succeeded());
        // The exit is noticed a moment after the connection broke.
        until("the crash is noticed", || host.stats().crashes == crashes).await;
    }
    assert!(host.ready().await.is_err());
    assert!(!tell(&host, "ok").await.succeeded());
    let stats = host.stats();
    assert_eq!((stats.crashes, stats.starts), (3, 3));
    assert!(stats.ended.unwrap().starts_with("Exceeded http worker restart retry count"));
}

#[tokio::test]
async fn the_limit_can_be_lifted() {
    let host = quiet_host("", |options| options.max_crashes = None).await;
    for _ in 0..5 {
        host.ready().await.unwrap();
        assert!(host.kill_handler().await.is_some());
    }
    assert!(tell(&host, "ok").await.succeeded());
    assert_eq!(host.stats().crashes, 5);
}

#[tokio::test]
async fn exit_200_is_not_counted_and_exit_0_is_never_restarted() {
    let host = quiet_host("", |_| {}).await;
    assert!(!tell(&host, "exit-200").await.succeeded());
    until("it was started again", || host.stats().starts == 2).await;
    assert!(tell(&host, "ok").await.succeeded());
    assert_eq!(host.stats().crashes, 0);

    assert!(!tell(&host, "exit-0").await.succeeded());
    until("the exit is noticed", || !host.stats().violations.is_empty()).await;
    assert!(host.stats().violations[0].contains("exited with 0"));
    assert!(!tell(&host, "ok").await.succeeded());
    assert_eq!(host.kill_handler().await, None);
    assert_eq!(host.stop().await.starts, 2);
}

#[tokio::test]
async fn a_start_that_fails_three_times_ends_the_host() {
    for lab in ["exit-at-start", "silent-start"] {
        let mut options = HostOptions::new(app_root(), quiet(lab));
        options.initialization_timeout = Some(Duration::from_millis(500));
        let error = Host::start(options).await.err().expect("it never comes up");
        assert!(format!("{error:#}").contains("Exceeded http worker restart retry count"), "{error:#}");
    }
}

#[tokio::test]
async fn stopping_kills_the_handler_and_so_does_dropping() {
    let host = quiet_host("", |_| {}).await;
    let pid = host.ready().await.unwrap();
    host.stop().await;
    assert!(!is_alive(pid));

    let host = quiet_host("", |_| {}).await;
    let pid = host.ready().await.unwrap();
    drop(host);
    until("the handler is gone", || !is_alive(pid)).await;
}

#[tokio::test]
async fn a_killed_host_leaves_an_orphan_behind() {
    let settings = quiet("").into_iter().flat_map(|(name, value)| ["--setting".to_owned(), format!("{name}={value}")]);
    let mut host = Command::new(env!("CARGO_BIN_EXE_functions-host"))
        .arg("--app-root")
        .arg(app_root())
        .args(settings)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(host.stdout.take().unwrap()).lines();
    let pid: u32 = loop {
        let line = lines.next_line().await.unwrap().expect("the host says when it is ready");
        if let Some(words) = line.strip_prefix("handler ") {
            break words.split(' ').next().unwrap().parse().unwrap();
        }
    };
    host.kill().await.unwrap();
    assert!(is_alive(pid));
    assert!(Command::new("kill").args(["-9", &pid.to_string()]).status().await.unwrap().success());
    until("the orphan is gone", || !is_alive(pid)).await;
}
