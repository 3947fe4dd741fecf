//! Rows and sizes that Axiom does not take.

use super::*;

fn says(status: u16, message: &str) -> Act {
    Act::Answer(status, "content-type: application/json\r\n", format!(r#"{{"code":{status},"message":"{message}"}}"#))
}

fn holds(request: &Request, text: &str) -> bool {
    request.text().contains(text)
}

fn refused(delivered: &Delivered) -> Vec<(u64, String, &str, bool)> {
    let row = |row: &[u8]| String::from_utf8(row.to_vec()).expect("it is UTF-8");
    let each = delivered.refused().iter();
    each.map(|bad| (bad.source, row(&bad.row), bad.reason.as_str(), bad.perhaps_delivered)).collect()
}

#[tokio::test]
async fn a_400_sets_aside_the_bad_row_alone() {
    let bad = |request: &Request| holds(request, "bad");
    let server = Server::start(move |request| if bad(request) { says(400, "no good") } else { Act::Ok }).await;
    for (place, count) in [(0, 1), (0, 7), (3, 7), (6, 7), (700, 5000)] {
        let from = server.received().len();
        let mut rows = numbered(count);
        rows[place] = r#"{"bad":1}"#.to_owned();
        let source = OFFSET + rows[..place].iter().map(|row| row.len() as u64 + 1).sum::<u64>();
        let delivered = deliver(&axiom(&server), batch(&rows)).await.expect("delivered");
        assert_eq!(refused(&delivered), [(source, r#"{"bad":1}"#.to_owned(), "Axiom: no good", false)]);
        rows.remove(place);
        let received = taken(&server, |request| request.index >= from && !bad(request));
        assert_eq!(received, rows, "{place} of {count}: in order, nothing twice");
        assert_eq!(delivered.tally().rows, rows.len() as u64);
        for request in server.received().iter().skip(from) {
            let first =
                rows.iter().position(|row| request.text().starts_with(row)).map(|at| at + usize::from(at >= place));
            let Some(first) = first else { continue };
            let mut all = numbered(count);
            all[place] = r#"{"bad":1}"#.to_owned();
            let offset = OFFSET + all[..first].iter().map(|row| row.len() as u64 + 1).sum::<u64>();
            let labels = request.header("x-axiom-event-labels").expect("labels");
            assert!(labels.ends_with(&format!(":{offset}}}")), "{labels}: the offset of the request's first row");
        }
    }
}

#[tokio::test]
async fn many_bad_rows_among_good_ones_are_all_set_aside() {
    let server = Server::start(|request| if holds(request, "bad") { says(400, "no") } else { Act::Ok }).await;
    let rows: Vec<_> = (0..60).map(|n| if n == 0 { "{}".to_owned() } else { format!("{{\"bad\":{n}}}") }).collect();
    let delivered = deliver(&axiom(&server), batch(&rows)).await.expect("delivered");
    assert_eq!((delivered.refused().len(), delivered.tally().rows), (59, 1));
}

#[tokio::test]
async fn a_service_that_refuses_every_row_does_not_empty_the_source() {
    let server = Server::start(|request| if request.index < 1000 { says(400, "boo") } else { Act::Ok }).await;
    let axiom = axiom(&server);
    let advice = advice_of(deliver(&axiom, batch(&numbered(500))).await);
    assert!(advice.contains("refuses every row (boo)"), "{advice}");
    let requests = server.received().len();
    assert!(requests < 50, "{requests} requests");
    advice_of(deliver(&axiom, batch(&["{\"a\":1}"])).await);
    assert_eq!(server.received().len(), requests + 1, "a small batch after it is not set aside either");
}

#[tokio::test]
async fn small_batches_add_up_to_a_service_that_refuses_every_row() {
    let server = Server::start(|_| says(400, "boo")).await;
    let axiom = axiom(&server);
    let mut kept = 0;
    for _ in 0..20 {
        kept += usize::from(deliver(&axiom, batch(&["{}"])).await.is_err());
    }
    assert_eq!(kept, 5);
}

#[tokio::test]
async fn a_413_halves_and_is_remembered() {
    let fits = |request: &Request| request.text().len() <= 600_000;
    let server = Server::start(move |request| if fits(request) { Act::Ok } else { says(413, "too large") }).await;
    let axiom = axiom(&server);
    let rows: Vec<_> = (0..2000).map(|n| format!("{{\"n\":{n},\"s\":\"{}\"}}", "x".repeat(1000))).collect();
    let delivered = deliver(&axiom, batch(&rows)).await.expect("delivered");
    assert_eq!((delivered.tally().rows, delivered.refused().len()), (2000, 0));
    assert_eq!(taken(&server, fits), rows);
    let before = server.received().len();
    let delivered = deliver(&axiom, batch(&rows)).await.expect("delivered");
    let after = &server.received()[before..];
    assert!(after.iter().all(fits), "cut before sending");
    assert_eq!((delivered.tally().rows, delivered.tally().requests), (2000, after.len() as u64));
    assert_eq!(after.iter().flat_map(Request::rows).collect::<Vec<_>>(), rows);
}

#[tokio::test]
async fn a_row_that_is_too_large_alone_is_set_aside() {
    let server = Server::start(|request| if holds(request, "xxxxx") { says(413, "huge") } else { Act::Ok }).await;
    let delivered = deliver(&axiom(&server), batch(&["{}", "{\"s\":\"xxxxx\"}", "{}"])).await.expect("delivered");
    assert_eq!(refused(&delivered), [(OFFSET + 3, "{\"s\":\"xxxxx\"}".to_owned(), "Axiom: huge", false)]);
}

#[tokio::test]
async fn a_partial_success_sets_all_rows_aside_and_is_never_sent_again() {
    for (ingested, failed, perhaps) in [(1, 1, true), (0, 2, false), (2, 1, true), (1, 0, true)] {
        let answer =
            format!(r#"{{"ingested":{ingested},"failed":{failed},"failures":[{{"error":"too many fields"}}]}}"#);
        let server = Server::start(move |_| Act::Answer(200, "", answer.clone())).await;
        let delivered = deliver(&axiom(&server), batch(&["{\"a\":1}", "{\"b\":2}"])).await.expect("delivered");
        assert_eq!(server.received().len(), 1);
        assert_eq!(delivered.tally().rows, 0);
        let rows: Vec<_> =
            delivered.refused().iter().map(|bad| (bad.source, &bad.row[..], bad.perhaps_delivered)).collect();
        assert_eq!(rows, [(OFFSET, &b"{\"a\":1}"[..], perhaps), (OFFSET + 8, b"{\"b\":2}", perhaps)]);
        assert!(delivered.refused().iter().all(|bad| bad.reason.contains("too many fields")));
    }
}
