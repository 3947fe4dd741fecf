//! Who may ask, the limits, and the faults, each at its edge.

use std::time::Duration;

use rig::axiom::Gate;
use rig::resource_graph::{Fault, Options};
use serde_json::json;

use super::{ONE, alert, ask, post, send, start, token, try_ask};

#[tokio::test]
async fn tokens_permission_and_versions() {
    let service = start(Options::default()).await;
    let body = json!({"query": "securityresources"});
    let (good, other) = (
        token(service.identity(), "https://management.azure.com/.default").await,
        token(service.identity(), "https://graph.microsoft.com").await,
    );
    let ask = async |version: &str, token: &str| {
        let answer = send(post(&service, version, &body).bearer_auth(token)).await.expect("an answer");
        (answer.status, answer.json()["error"]["code"].as_str().unwrap_or_default().to_owned())
    };
    let is = |status: u16, code: &str| (status, code.to_owned());
    for version in ["2021-03-01", "2022-10-01", "2024-04-01"] {
        assert_eq!(ask(version, &good).await, is(200, ""));
    }
    assert_eq!(ask("2020-01-01", &good).await, is(400, "NoRegisteredProviderFound"));
    assert_eq!(ask("2022-10-01", &other).await, is(401, "InvalidAuthenticationToken"));
    let bare = send(post(&service, "2022-10-01", &body)).await.expect("an answer");
    assert!(bare.status == 401 && bare.header("www-authenticate").is_some_and(|how| how.starts_with("Bearer ")));
    service.permit(false);
    assert_eq!(ask("2022-10-01", &good).await, is(403, "Forbidden"));
    assert_eq!(service.most_queries_in_window(), 3, "who is turned away does not count");
}

#[tokio::test]
async fn queries_in_five_seconds() {
    let service = start(Options { rate: 3, ..Options::default() }).await;
    let left = async || {
        let answer = ask(&service, json!({})).await;
        (answer.status, answer.header("x-ms-user-quota-remaining").map(str::to_owned))
    };
    for remaining in ["2", "1", "0"] {
        assert_eq!(left().await, (200, Some(remaining.to_owned())));
    }
    let over = ask(&service, json!({})).await;
    assert_eq!(
        (over.status, over.detail(), over.header("x-ms-user-quota-remaining")),
        (429, "RateLimiting".to_owned(), Some("0"))
    );
    assert!(over.header("retry-after").is_some_and(|seconds| (1..=5).contains(&seconds.parse::<u64>().unwrap_or(0))));
    assert!(over.header("x-ms-user-quota-resets-after").is_some_and(|clock| clock.starts_with("00:00:0")));
    assert_eq!((service.most_queries_in_window(), service.throttled()), (3, 1));
}

#[tokio::test]
async fn records_and_bytes_of_a_reply() {
    let service = start(Options { rows_max: 4, rate: 100, ..Options::default() }).await;
    assert_eq!(ask(&service, json!({})).await.told(), (4, 10, "false".to_owned(), true));
    assert_eq!(ask(&service, json!({"$skip": 6})).await.told(), (4, 10, "false".to_owned(), false));
    assert_eq!(ask(&service, json!({"$skip": 60})).await.told(), (0, 10, "false".to_owned(), false));
    for options in [json!({"$top": 5}), json!({"$top": 0}), json!({"resultFormat": "table"}), json!({"other": 1})] {
        assert_eq!(ask(&service, options).await.detail(), "InvalidRequest");
    }
    let three = (0..3).map(|number| alert(2 * number).len() + 1).sum();
    let service = start(Options { bytes_max: three, rate: 100, ..Options::default() }).await;
    assert_eq!(ask(&service, json!({"$top": 3})).await.told().0, 3);
    let over = ask(&service, json!({"$top": 4})).await;
    assert_eq!((over.status, over.detail()), (400, "ResponsePayloadTooLarge".to_owned()));
}

#[tokio::test]
async fn subscriptions_beyond_the_limit_are_left_out() {
    let service = start(Options { subscriptions_max: 1, ..Options::default() }).await;
    let cut = ask(&service, json!({})).await;
    assert_eq!((cut.told().0, cut.header("x-ms-tenant-subscription-limit-hit")), (5, Some("true")));
    let named = json!({"query": "securityresources", "subscriptions": [ONE]});
    let token = token(service.identity(), "https://management.azure.com").await;
    let named = send(post(&service, "2022-10-01", &named).bearer_auth(token)).await.expect("an answer");
    assert_eq!((named.told().0, named.header("x-ms-tenant-subscription-limit-hit")), (5, None));
}

#[tokio::test]
async fn each_fault_does_what_it_says() {
    let service = start(Options { rate: 100, ..Options::default() }).await;
    let refuse = Fault::refuse(503, "ServiceUnavailable", "not now");
    service.faults().script([
        refuse,
        Fault::Reset,
        Fault::Truncate,
        Fault::GatewayTimeout,
        Fault::Partial,
        Fault::ShortCount,
    ]);
    let again = async || try_ask(&service, json!({})).await;
    let refused = again().await.expect("an answer");
    assert_eq!((refused.status, refused.detail()), (503, "ServiceUnavailable".to_owned()));
    assert!(again().await.expect_err("no answer").is_request());
    assert!(again().await.is_err(), "half an answer");
    assert_eq!(again().await.expect("an answer").status, 504);
    assert_eq!(again().await.expect("an answer").told(), (5, 10, "true".to_owned(), false));
    assert_eq!(again().await.expect("an answer").told(), (9, 10, "false".to_owned(), false));
    assert_eq!((service.faults().unused(), service.most_queries_in_window()), (0, 3));
    let gate = Gate::shut();
    service.faults().script([Fault::Slow(Duration::from_millis(1)), Fault::Hold(gate.clone())]);
    assert_eq!(ask(&service, json!({})).await.status, 200);
    let held = ask(&service, json!({}));
    let opened = async {
        while gate.waiting() < 1 {
            tokio::task::yield_now().await;
        }
        gate.open();
    };
    assert_eq!(tokio::join!(held, opened).0.status, 200);
}

/// What makes pages by place unsafe: a record vanishes, and the one behind the border is on neither page.
#[tokio::test]
async fn records_that_vanish_move_the_others() {
    let service = start(Options::default()).await;
    let names = |answer: &super::Answer| {
        let records = answer.json()["data"].as_array().cloned().unwrap_or_default();
        records.iter().map(|record| record["name"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    let first = ask(&service, json!({"$top": 5})).await;
    service.remove(&format!("/subscriptions/{ONE}/alerts/000")).expect("the record is there");
    let second = ask(&service, json!({"$skipToken": first.json()["$skipToken"]})).await;
    assert_eq!(
        (names(&first), names(&second)),
        (
            vec!["0", "2", "4", "6", "8"].into_iter().map(str::to_owned).collect(),
            vec!["3", "5", "7", "9"].into_iter().map(str::to_owned).collect()
        )
    );
    assert_eq!(second.told().1, 9, "and as many came as there are");
    assert!(service.remove("/other").is_err());
}
