//! The limits of calls, CPU, rows, bytes and time, each at its edge.

use std::time::Duration;

use rig::hunting::{Hunting, Identity, Options};
use serde_json::json;

use super::{Answer, GRAPH, ask, ask_security, client, send, start, token};

/// Asks with a token that is had already.
async fn ask_with(service: &Hunting, token: &str) -> Answer {
    let body = json!({"Query": "DeviceEvents | count"});
    send(client().post(format!("{}{GRAPH}", service.url())).bearer_auth(token).json(&body)).await.expect("an answer")
}

async fn graph_token(identity: &Identity) -> String {
    token(identity, "https://graph.microsoft.com").await
}

#[tokio::test]
async fn calls_in_a_minute_through_both_doors() {
    let service = start(Options::default()).await;
    let token = graph_token(service.identity()).await;
    for _ in 0..44 {
        assert_eq!(ask_with(&service, &token).await.status, 200);
    }
    assert_eq!(ask_security(&service, "DeviceEvents | count").await.status, 200);
    let over = ask_with(&service, &token).await;
    assert_eq!((over.status, over.code()), (429, "TooManyRequests".to_owned()));
    assert!(over.retry_after().is_some_and(|seconds| (1..=60).contains(&seconds)), "{over:?}");
    assert_eq!(ask_security(&service, "DeviceEvents | count").await.status, 429);
    assert_eq!((service.most_calls_in_window(), service.throttled()), (45, 2));
    let statuses: Vec<_> = service.requests().iter().map(|request| request.status).collect();
    assert_eq!((statuses.len(), statuses[45..].to_vec()), (47, vec![429, 429]));
}

#[tokio::test]
async fn the_window_slides() {
    let service = start(Options { rate: 2, rate_window: Duration::from_secs(1), ..Options::default() }).await;
    let token = graph_token(service.identity()).await;
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(ask_with(&service, &token).await.status);
    }
    assert_eq!(statuses, [200, 200, 429]);
    tokio::time::sleep(Duration::from_millis(1010)).await;
    assert_eq!(ask_with(&service, &token).await.status, 200);
}

#[tokio::test]
async fn cpu_is_spent_until_the_next_cycle() {
    let options = Options { rows_per_cpu_second: 1, cpu_quota: Duration::from_secs(15), ..Options::default() };
    let service = start(options).await;
    // Ten rows each: the second one spends more than there is, and ends all the same.
    for _ in 0..2 {
        assert_eq!(ask(&service, "DeviceEvents | count").await.status, 200);
    }
    let over = ask(&service, "DeviceEvents | count").await;
    assert!(over.status == 429 && over.message().contains("CPU"), "{over:?}");
    assert!(over.retry_after().is_some_and(|seconds| (890..=900).contains(&seconds)), "{over:?}");
    assert_eq!((service.throttled(), service.most_calls_in_window()), (1, 2));
    let short = Options {
        rows_per_cpu_second: 1,
        cpu_quota: Duration::from_secs(1),
        cpu_cycle: Duration::from_secs(1),
        ..Options::default()
    };
    let service = start(short).await;
    while ask(&service, "DeviceEvents | count").await.status == 200 {}
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(ask(&service, "DeviceEvents | count").await.status, 200, "the next cycle");
}

#[tokio::test]
async fn rows_beyond_the_most_are_left_out_without_a_word() {
    let service = start(Options { rows_max: 4, ..Options::default() }).await;
    assert_eq!(ask(&service, "DeviceEvents | take 4").await.numbers(), [0, 1, 2, 3]);
    let cut = ask(&service, "DeviceEvents").await;
    assert_eq!((cut.status, cut.numbers()), (200, vec![0, 1, 2, 3]));
    assert_eq!(cut.json().as_object().map(serde_json::Map::len), Some(2), "nothing else is in it");
    assert_eq!(ask(&service, "DeviceEvents | count").await.rows(), json!([{"Count": 10}]));
    let recorded: Vec<_> = service.requests().iter().map(|request| (request.rows, request.cut)).collect();
    assert_eq!(recorded, [(4, 0), (4, 6), (1, 0)]);
}

#[tokio::test]
async fn bytes_up_to_the_limit_and_one_more() {
    // Three rows of the form `{"N":1}`.
    let query = "DeviceEvents | take 3 | project N";
    let service = start(Options { bytes_max: 21, ..Options::default() }).await;
    assert_eq!(ask(&service, query).await.numbers(), [0, 1, 2]);
    let service = start(Options { bytes_max: 20, ..Options::default() }).await;
    let over = ask(&service, query).await;
    let message = "Query execution has exceeded the allowed result size. \
                   Optimize your query by limiting the number of results and try again.";
    assert_eq!((over.status, over.code(), over.message()), (400, "BadRequest".to_owned(), message.to_owned()));
}

#[tokio::test]
async fn time() {
    let service = start(Options {
        latency: Duration::from_millis(20),
        time_max: Duration::from_millis(10),
        ..Options::default()
    })
    .await;
    assert_eq!(ask(&service, "DeviceEvents").await.status, 504);
    let service = start(Options { rows_per_second: 100, ..Options::default() }).await;
    let began = std::time::Instant::now();
    assert_eq!(ask(&service, "DeviceEvents").await.status, 200);
    assert!(began.elapsed() >= Duration::from_millis(100), "ten rows at a hundred in a second");
}
