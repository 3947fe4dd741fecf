//! The limits of replies, time, rate and places, each at its edge.

use std::time::Duration;

use rig::axiom::Gate;
use rig::loganalytics::{Fault, LogAnalytics, Options};
use serde_json::{Value, json};

use super::{Answer, TABLE, ask, post, send, start};

/// The error beside the rows, if there is one.
fn partial(answer: &Answer) -> Option<Value> {
    assert_eq!(answer.status, 200);
    answer.json().get("error").cloned()
}

#[tokio::test]
async fn rows_up_to_the_limit_and_one_more() {
    let service = start(Options { rows_max: 4, ..Options::default() }).await;
    let whole = ask(&service, &format!("{TABLE} | where N < 4 | project N")).await;
    assert_eq!((whole.numbers(), partial(&whole)), (vec![0, 1, 2, 3], None));
    let cut = ask(&service, &format!("{TABLE} | where N < 5 | project N")).await;
    let expected = json!({
        "code": "PartialError", "message": "There were some errors when processing your query.",
        "details": [{
            "code": "EngineError", "message": "Something went wrong processing your query on the server.",
            "innererror": {
                "code": "-2133196797", "severity": 2, "severityName": "Error",
                "message": "Query result set has exceeded the internal record count limit 4 (E_QUERY_RESULT_SET_TOO_LARGE; see https://aka.ms/kustoquerylimits)",
            },
        }],
    });
    assert_eq!((cut.numbers(), partial(&cut)), (vec![0, 1, 2, 3], Some(expected)));
    let flags: Vec<_> = service.requests().iter().map(|request| (request.rows, request.partial)).collect();
    assert_eq!(flags, [(4, false), (4, true)]);
}

#[tokio::test]
async fn bytes_up_to_the_limit_and_one_more() {
    // Three rows of the form `[1]`.
    for (bytes_max, numbers, message) in [
        (9, vec![0, 1, 2], None),
        (
            8,
            vec![0, 1],
            Some("The results of this query exceed the set limit of 8 bytes, so not all records were returned"),
        ),
        (
            2,
            vec![],
            Some("The results of this query exceed the set limit of 2 bytes, so not all records were returned"),
        ),
    ] {
        let service = start(Options { bytes_max, ..Options::default() }).await;
        let answer = ask(&service, &format!("{TABLE} | take 3 | project N")).await;
        assert_eq!(answer.numbers(), numbers);
        let error = partial(&answer)
            .map(|error| error["details"][0]["innererror"]["message"].as_str().unwrap_or_default().to_owned());
        assert_eq!(error.is_some(), message.is_some(), "{error:?}");
        assert!(error.unwrap_or_default().starts_with(message.unwrap_or_default()));
    }
}

#[tokio::test]
async fn a_query_that_takes_longer_than_it_may_is_ended() {
    let second = Duration::from_secs(1);
    let ask = async |options: Options, wait: &str| {
        let service = start(options).await;
        let request =
            post(&service, "query", json!({"query": format!("{TABLE} | project N")})).await.header("Prefer", wait);
        send(request).await.expect("an answer")
    };
    let timeout = ask(Options { latency: 3600 * second, ..Options::default() }, "wait=0").await;
    let mut error = timeout.json()["error"].clone();
    error["correlationId"].take();
    let expected = json!({
        "message": "Gateway timeout", "code": "GatewayTimeout", "correlationId": null,
        "innererror": {"code": "GatewayTimeout", "message": "Connection error", "statusDetails": {"code": "ESOCKETTIMEDOUT", "connect": false}},
    });
    assert_eq!((timeout.status, error), (504, expected));
    // The default where nothing is asked for, and the most that can be.
    let short = Options { wait_default: Duration::ZERO, latency: second / 1000, ..Options::default() };
    assert_eq!(ask(short.clone(), "include-statistics=true").await.status, 504);
    assert_eq!(ask(short.clone(), "wait=1").await.status, 200);
    assert_eq!(ask(Options { wait_max: Duration::ZERO, ..short }, "wait=600").await.status, 504);
    // Ten rows at 1000 rows a second take more than nothing, as their 30 bytes do.
    let rows = Options { rows_per_second: 1000, ..Options::default() };
    assert_eq!(ask(rows.clone(), "wait=0").await.status, 504);
    assert_eq!(ask(rows, "wait=10").await.numbers().len(), 10);
    assert_eq!(ask(Options { bytes_per_second: 1000, ..Options::default() }, "wait=0").await.status, 504);
}

#[tokio::test]
async fn too_many_queries_in_a_while() {
    let service = start(Options { rate: 3, ..Options::default() }).await;
    let mut statuses = Vec::new();
    for _ in 0..4 {
        let answer = ask(&service, &format!("{TABLE} | count")).await;
        let wait = answer.header("Retry-After").map(|seconds| seconds.parse::<u64>().expect("seconds"));
        let code = answer.json()["error"]["code"].clone();
        statuses.push((answer.status, wait.is_some_and(|seconds| (1..=30).contains(&seconds)), code));
    }
    let good = || (200, false, Value::Null);
    assert_eq!(statuses, [good(), good(), good(), (429, true, json!("ThrottledError"))]);
    let short = start(Options { rate: 1, rate_window: Duration::from_millis(1), ..Options::default() }).await;
    assert_eq!(ask(&short, TABLE).await.status, 200);
    tokio::time::sleep(Duration::from_millis(2)).await;
    assert_eq!(ask(&short, TABLE).await.status, 200, "the window has passed");
}

/// Starts so many queries at once that all are held at a gate.
async fn crowd(service: &LogAnalytics, queries: usize, endpoint: &'static str) -> (Gate, tokio::task::JoinSet<u16>) {
    let gate = Gate::shut();
    service.faults().always(Some(Fault::Hold(gate.clone())));
    let mut crowd = tokio::task::JoinSet::new();
    for _ in 0..queries {
        let query = json!({"query": format!("{TABLE} | count"), "timespan": "2026-01-01/P1D"});
        let request = post(service, endpoint, query).await;
        crowd.spawn(async move { send(request).await.expect("an answer").status });
    }
    (gate, crowd)
}

#[tokio::test]
async fn some_run_and_the_others_wait() {
    for (endpoint, places) in [("query", 5), ("search", 2)] {
        let service = start(Options::default()).await;
        let (gate, crowd) = crowd(&service, 8, endpoint).await;
        while gate.waiting() < places || service.waiting() < 8 - places {
            tokio::task::yield_now().await;
        }
        let finished = service.requests().iter().filter(|request| request.ended.is_some()).count();
        assert_eq!((gate.waiting(), service.waiting(), finished), (places, 8 - places, 0));
        gate.open();
        assert_eq!(crowd.join_all().await, [200; 8]);
        let most = service.requests().iter().map(|request| request.at_once).max();
        assert_eq!((most, gate.most_waiting()), (Some(places), places));
    }
}

#[tokio::test]
async fn a_full_queue_turns_away() {
    let service = start(Options { at_once: 1, queue: 2, ..Options::default() }).await;
    let (gate, mut crowd) = crowd(&service, 4, "query").await;
    let first = crowd.join_next().await.expect("a query").expect("an answer");
    assert_eq!(first, 429, "one runs, two wait");
    gate.open();
    assert_eq!(crowd.join_all().await, [200; 3]);
}

#[tokio::test]
async fn who_gives_up_leaves_the_place() {
    let service = start(Options { at_once: 1, ..Options::default() }).await;
    let (gate, mut crowd) = crowd(&service, 1, "query").await;
    while gate.waiting() < 1 {
        tokio::task::yield_now().await;
    }
    crowd.shutdown().await;
    service.faults().clear();
    assert_eq!(ask(&service, &format!("{TABLE} | count")).await.status, 200);
    let requests = service.requests();
    assert_eq!((requests[0].status, requests[0].ended, requests[1].at_once), (0, None, 1));
}
