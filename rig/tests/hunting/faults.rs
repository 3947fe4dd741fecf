//! Each fault does what it says.

use std::time::{Duration, Instant};

use rig::axiom::Gate;
use rig::hunting::{Fault, Options};
use serde_json::json;

use super::{GRAPH, ask, post, send, start};

#[tokio::test]
async fn one_after_the_other() {
    let service = start(Options::default()).await;
    let refuse =
        Fault::Refuse { status: 429, code: "TooManyRequests".into(), message: "not now".into(), retry_after: Some(7) };
    service.faults().script([refuse, Fault::Reset, Fault::Truncate, Fault::GatewayTimeout, Fault::ShortCount]);
    let again = async || send(post(&service, GRAPH, json!({"Query": "DeviceEvents"})).await).await;
    let refused = again().await.expect("an answer");
    assert_eq!((refused.status, refused.message(), refused.retry_after()), (429, "not now".to_owned(), Some(7)));
    assert!(again().await.expect_err("no answer").is_request());
    assert!(again().await.is_err(), "half an answer");
    assert_eq!(again().await.expect("an answer").status, 504);
    assert_eq!(again().await.expect("an answer").numbers().len(), 10, "a fault that it does not know is none");
    assert_eq!(
        (service.faults().unused(), service.most_calls_in_window()),
        (0, 2),
        "faults before the quota do not count"
    );
}

#[tokio::test]
async fn slow_and_held() {
    let service = start(Options::default()).await;
    let began = Instant::now();
    service.faults().script([Fault::Slow(Duration::from_millis(50))]);
    assert_eq!(ask(&service, "DeviceEvents").await.status, 200);
    assert!(began.elapsed() >= Duration::from_millis(50));
    let gate = Gate::shut();
    service.faults().script([Fault::Hold(gate.clone())]);
    let request = post(&service, GRAPH, json!({"Query": "DeviceEvents"})).await;
    let held = tokio::spawn(async move { send(request).await.expect("an answer").status });
    while gate.waiting() < 1 {
        tokio::task::yield_now().await;
    }
    gate.open();
    assert_eq!(held.await.expect("an answer"), 200);
}
