//! Each fault, as a plain HTTP client sees it.

use std::time::Duration;

use rig::axiom::Gate;
use rig::loganalytics::{Fault, Options};
use serde_json::json;

use super::{Answer, TABLE, ask, post, send, start};

/// Asks for ten rows, or counts them, and meets a fault.
async fn meet(fault: Fault, query: &str) -> Option<Answer> {
    let service = start(Options::default()).await;
    service.faults().script([fault.clone()]);
    let answer = send(post(&service, "query", json!({"query": format!("{TABLE}{query}")})).await).await.ok();
    assert_eq!(service.faults().unused(), 0);
    let status = service.requests()[0].status;
    assert_eq!(status, answer.as_ref().map_or(status, |answer| answer.status), "{fault:?}");
    // What comes after is well.
    assert_eq!(ask(&service, &format!("{TABLE} | count")).await.numbers(), [10], "{fault:?}");
    answer
}

#[tokio::test]
async fn refusals() {
    for (status, code) in
        [(429, "ThrottledError"), (500, "InternalServerError"), (502, "BadGateway"), (503, "ServiceUnavailable")]
    {
        let answer = meet(Fault::refuse(status, code, "because"), "").await.expect("an answer");
        let error = answer.json()["error"].clone();
        assert_eq!((answer.status, &error["code"], &error["message"]), (status, &json!(code), &json!("because")));
        assert_eq!(answer.header("Retry-After"), None);
    }
    let wait = Fault::Refuse { status: 429, code: "c".into(), message: "m".into(), retry_after: Some(7) };
    assert_eq!(meet(wait, "").await.expect("an answer").header("Retry-After"), Some("7"));
    let timeout = meet(Fault::GatewayTimeout, "").await.expect("an answer");
    assert_eq!((timeout.status, timeout.json()["error"]["code"].clone()), (504, json!("GatewayTimeout")));
}

#[tokio::test]
async fn half_of_the_rows_and_a_word_about_it() {
    let answer = meet(Fault::Partial, " | project N").await.expect("an answer");
    assert_eq!((answer.status, answer.numbers()), (200, vec![0, 1, 2, 3, 4]));
    assert_eq!(answer.json()["error"]["code"], "PartialError");
    let answer = meet(Fault::Partial, " | where N > 100 | project N").await.expect("an answer");
    assert_eq!((answer.numbers().len(), answer.json()["error"]["code"].clone()), (0, json!("PartialError")));
}

#[tokio::test]
async fn a_missing_row_and_no_word_about_it() {
    let answer = meet(Fault::ShortCount, " | project N").await.expect("an answer");
    assert_eq!((answer.status, answer.numbers()), (200, (0..9).collect::<Vec<_>>()));
    assert!(answer.json().get("error").is_none());
    assert_eq!(meet(Fault::ShortCount, " | count").await.expect("an answer").numbers(), [10], "counts stay true");
}

#[tokio::test]
async fn broken_connections() {
    assert!(meet(Fault::Reset, "").await.is_none());
    assert!(meet(Fault::Truncate, "").await.is_none());
    let service = start(Options::default()).await;
    service.faults().always(Some(Fault::Truncate));
    let request = post(&service, "query", json!({"query": TABLE})).await;
    let response = request.send().await.expect("the head of an answer");
    assert_eq!(response.status(), 200);
    assert!(response.bytes().await.is_err());
}

#[tokio::test]
async fn late_answers() {
    let late = meet(Fault::Slow(Duration::from_millis(1)), " | project N").await.expect("an answer");
    assert_eq!(late.numbers().len(), 10);
    let service = start(Options::default()).await;
    let gate = Gate::shut();
    service.faults().script([Fault::Hold(gate.clone())]);
    let ask = ask(&service, TABLE);
    let open = async {
        while gate.waiting() == 0 {
            tokio::task::yield_now().await;
        }
        gate.open();
    };
    let (answer, ()) = tokio::join!(ask, open);
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn faults_for_some_queries() {
    let service = start(Options::default()).await;
    service.faults().only(Some("extend"));
    service.faults().script([Fault::GatewayTimeout]);
    assert_eq!(ask(&service, &format!("{TABLE} | count")).await.status, 200);
    assert_eq!(ask(&service, &format!("{TABLE} | extend _ItemId")).await.status, 504);
    assert_eq!(ask(&service, &format!("{TABLE} | extend _ItemId")).await.status, 200);
}

#[tokio::test]
async fn a_dropped_stand_in_is_gone() {
    let service = start(Options::default()).await;
    let urls = [service.url(), service.tls_url(), service.identity().url()];
    let certificate = service.ca_path().to_owned();
    drop(service);
    assert!(!certificate.exists());
    for url in urls {
        let url = url::Url::parse(&url).expect("a URL");
        let port = url.port().expect("a port");
        // The task ends at its next turn.
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
            tokio::task::yield_now().await;
        }
    }
}
