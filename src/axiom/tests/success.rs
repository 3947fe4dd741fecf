//! What is sent, and that success is counted.

use super::*;

#[tokio::test]
async fn the_rows_arrive_as_they_were() {
    let server = Server::start(|_| Act::Ok).await;
    let batch = batch(&["{\"a\":1}", "", "nope", "{\"a\": \"ä\\u0027\"}"]);
    let span = batch.span;
    let delivered = deliver(&axiom(&server), batch).await.expect("delivered");
    let [request] = &server.received()[..] else { panic!("one request") };
    assert_eq!(request.text(), "{\"a\":1}\n{\"a\": \"ä\\u0027\"}\n");
    assert_eq!(request.target, "/v1/ingest/SigninLogs?timestamp-field=TimeGenerated");
    let check = |name, value| assert_eq!(request.header(name), value, "{name}");
    check("authorization", Some("Bearer xaat-secret"));
    check("content-type", Some("application/x-ndjson"));
    check("content-encoding", Some("zstd"));
    check("user-agent", Some(concat!("sentinel-axiom/", env!("CARGO_PKG_VERSION"))));
    check("x-axiom-event-labels", Some(r#"{"source_blob":"am-signinlogs/PT05M.json","source_offset":1000}"#));
    check("x-axiom-org-id", None);
    assert_eq!(delivered.span(), span);
    assert_eq!(delivered.refused().iter().map(|bad| &bad.row[..]).collect::<Vec<_>>(), [b"nope"]);
    let wire_bytes = request.body.len() as u64;
    let body_bytes = request.text().len() as u64;
    let expected =
        Tally { rows: 2, body_bytes, wire_bytes, requests: 1, repeats: 0, repeated_rows: 0, outcome_unknown: false };
    assert_eq!(*delivered.tally(), expected);
}

#[tokio::test]
async fn a_batch_without_rows_needs_no_request() {
    let server = Server::start(|_| Act::Close).await;
    let delivered = deliver(&axiom(&server), batch(&["nope", ""])).await.expect("delivered");
    assert_eq!((delivered.refused().len(), delivered.tally().requests), (1, 0));
    assert_eq!(server.received().len(), 0);
}

#[tokio::test]
async fn the_central_door_with_a_personal_token() {
    let server = Server::start(|_| Act::Ok).await;
    let mut settings = settings(&server);
    settings.ingest = Door::Central(server.url.clone());
    settings.token_kind = TokenKind::Personal { org_id: "acme-1".to_owned() };
    settings.provenance = false;
    let to = Destination { dataset: "a b/c".to_owned(), blob: Some("am-x/y".to_owned()) };
    deliver_to(&axiom_with(settings), &to, batch(&["{}"]), far()).await.expect("delivered");
    let request = server.received().remove(0);
    assert_eq!(request.target, "/v1/datasets/a%20b%2Fc/ingest?timestamp-field=TimeGenerated");
    assert_eq!(request.header("x-axiom-org-id"), Some("acme-1"));
    assert_eq!(request.header("x-axiom-event-labels"), None, "provenance is off");
}

#[tokio::test]
async fn large_batches_are_compressed_beside_the_runtime_and_warnings_come_back() {
    let answer = r#"{"ingested":9000,"failed":0,"messages":[{"msg":"field dropped"}]}"#;
    let server = Server::start(move |_| Act::Answer(200, "", answer.to_owned())).await;
    let rows = numbered(9000);
    let delivered = deliver(&axiom(&server), batch(&rows)).await.expect("delivered");
    assert_eq!(taken(&server, |_| true), rows);
    assert_eq!(delivered.warning(), Some("field dropped"));
    assert!(delivered.tally().wire_bytes * 5 < delivered.tally().body_bytes, "{:?}", delivered.tally());
}

#[tokio::test]
async fn clones_deliver_side_by_side_and_print_no_secret() {
    let server = Server::start(|_| Act::Ok).await;
    let axiom = axiom(&server);
    let each = (0..8).map(|n| {
        let (axiom, rows) = (axiom.clone(), numbered(100 + n));
        async move { deliver(&axiom, batch(&rows)).await.expect("delivered").tally().rows }
    });
    let rows: u64 = futures::future::join_all(each).await.into_iter().sum();
    assert_eq!((rows, server.received().len()), (828, 8));
    assert!(!format!("{axiom:?} {:?}", axiom.0.http).contains("xaat-secret"));
}
