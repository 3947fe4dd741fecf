//! What is sent, and how each kind of answer is judged.

use std::time::Duration;

use rig::host::{Level, Verdict};
use serde_json::Value;

use crate::support::{printed, quiet_host, requests, tell, until};

#[tokio::test]
async fn answers_are_judged_as_measured() {
    let host = quiet_host("", |_| {}).await;
    assert_eq!(tell(&host, "ok").await.verdict, Verdict::Succeeded(vec!["done".to_owned()]));
    assert!(tell(&host, "ok 300").await.succeeded());
    for wrong in ["text", "untyped", "broken", "bad-logs", "500"] {
        let result = tell(&host, wrong).await;
        assert!(matches!(result.verdict, Verdict::Failed(_)), "{wrong}: {result:?}");
        assert!(result.answer.is_some(), "{wrong}");
    }
    let stats = host.stop().await;
    assert_eq!((stats.invocations, stats.succeeded, stats.failed, stats.crashes, stats.starts), (7, 2, 5, 0, 1));
    assert_eq!((stats.log_lines, stats.violations.len()), (2, 0));
}

#[tokio::test]
async fn a_redirect_is_followed_and_is_a_violation() {
    let host = quiet_host("", |_| {}).await;
    assert_eq!(tell(&host, "302").await.verdict, Verdict::Succeeded(vec!["followed".to_owned()]));
    let stats = host.stop().await;
    assert!(matches!(&stats.violations[..], [one] if one.contains("302")), "{:?}", stats.violations);
}

#[tokio::test]
async fn an_empty_answer_hangs_until_the_timeout_kills_every_call() {
    for silent in ["empty", "204", "null"] {
        let host = quiet_host("", |options| options.function_timeout = Some(Duration::from_secs(1))).await;
        let before = host.ready().await.unwrap();
        assert_eq!(tell(&host, silent).await.verdict, Verdict::Hangs);
        assert_ne!(host.ready().await.unwrap(), before, "{silent}: the handler was replaced");
        assert!(tell(&host, "ok").await.succeeded());
        let stats = host.stop().await;
        assert_eq!((stats.crashes, stats.starts), (0, 2), "{silent}");
        assert!(matches!(&stats.violations[..], [one] if one.contains("hangs")), "{:?}", stats.violations);
    }
}

#[tokio::test]
async fn a_call_beyond_the_timeout_takes_the_others_with_it() {
    let host = quiet_host("", |options| options.function_timeout = Some(Duration::from_secs(2))).await;
    let (late, other) = tokio::join!(tell(&host, "ok 60000"), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        tell(&host, "ok 60000").await
    });
    assert_eq!(late.verdict, Verdict::Failed("functionTimeout".to_owned()));
    assert!(matches!(other.verdict, Verdict::Failed(reason) if reason != "functionTimeout"));
    let stats = host.stop().await;
    assert_eq!((stats.violations.len(), stats.starts, stats.crashes), (1, 2, 0));
}

#[tokio::test]
async fn requests_carry_the_hosts_headers_and_framing() {
    for use_content_length in [false, true] {
        let host = quiet_host("", |options| options.use_content_length = use_content_length).await;
        let result = tell(&host, "ok").await;
        until("the request is printed", || !requests(&host).is_empty()).await;
        let request = &requests(&host)[0];
        assert_eq!(request["path"], "/function-blob-trigger");
        assert_eq!(request["invocation"], result.id);
        assert_eq!(request["version"], "4.1037.0.0");
        assert_eq!(request["agent"], "Azure-Functions-Host/4.1037.0.0");
        assert_eq!(request["type"], "application/json; charset=utf-8");
        assert_eq!(request["accept"], Value::Null);
        assert_eq!(request["framing"].is_null(), use_content_length);
        assert_eq!(request["length"].is_null(), !use_content_length);
    }
}

#[tokio::test]
async fn the_handler_gets_the_custom_handlers_environment() {
    let host = quiet_host("", |_| {}).await;
    until("the start is printed", || !printed(&host).is_empty()).await;
    let started = &printed(&host)[0];
    let environment = &started["environment"];
    assert_eq!(environment["GREETING"], "hello");
    assert_eq!(environment["FUNCTIONS_CUSTOMHANDLER_PORT"], host.port().to_string());
    assert_eq!(environment["FUNCTIONS_HTTPWORKER_PORT"], host.port().to_string());
    assert_eq!(environment["FUNCTIONS_HTTPWORKER_ID"], environment["FUNCTIONS_CUSTOMHANDLER_WORKER_ID"]);
    assert_eq!(environment["FUNCTIONS_APP_ROOT_PATH"], started["cwd"]);
}

#[tokio::test]
async fn timers_carry_their_last_run_and_fire_by_schedule() {
    let host = quiet_host("", |options| {
        options.settings.retain(|(name, _)| !name.contains("function-sweep"));
        options.settings.retain(|(name, _)| name != "SWEEP_SCHEDULE");
        options.settings.push(("SWEEP_SCHEDULE".to_owned(), "* * * * * *".to_owned()));
    })
    .await;
    until("the timer has fired twice", || host.stats().succeeded >= 2).await;
    drop(host);

    let host = quiet_host("", |_| {}).await;
    assert!(host.fire("function-sweep").await.unwrap().succeeded());
    assert!(host.fire("function-sweep").await.unwrap().succeeded());
    assert!(host.fire("function-blob-trigger").await.is_err());
    until("both runs are printed", || requests(&host).len() == 2).await;
    let bodies = requests(&host).into_iter().map(|request| {
        let body: Value = serde_json::from_str(request["body"].as_str().unwrap()).unwrap();
        body["Data"]["timer"]["ScheduleStatus"]["Last"].as_str().unwrap().to_owned()
    });
    let bodies: Vec<String> = bodies.collect();
    assert_eq!(bodies[0], "0001-01-01T00:00:00+00:00");
    assert_ne!(bodies[1], bodies[0]);
}

#[tokio::test]
async fn streams_become_levels_and_pings_are_measured() {
    let host = quiet_host("", |_| {}).await;
    assert!(tell(&host, "stderr").await.succeeded());
    let levels = || host.output().iter().filter(|line| line.level != Level::Information).count();
    until("both lines have arrived", || levels() == 2).await;
    assert_eq!(host.stats().error_lines, 1);
    until("a ping was answered", || host.stats().pings > 0).await;
    assert!(host.stats().worst_ping > Duration::ZERO);
}
