//! Trouble, limits, and outcomes that nobody knows.

use super::*;

/// Does `first` that many times, and then takes everything.
async fn server_after(times: usize, first: Act) -> Server {
    Server::start(move |request| if request.index < times { first.clone() } else { Act::Ok }).await
}

fn answer(status: u16, headers: &'static str) -> Act {
    Act::Answer(status, headers, "busy".to_owned())
}

#[tokio::test]
async fn trouble_is_tried_again_and_unknown_outcomes_are_counted() {
    for (act, times, repeats) in [
        (answer(503, ""), 3, 3),
        (answer(500, "retry-after: 0\r\n"), 1, 1),
        (answer(408, ""), 2, 0),
        (Act::Close, 3, 3),
        (Act::CutShort, 3, 3),
        (Act::Answer(200, "", "<html>".to_owned()), 2, 2),
        (answer(204, ""), 1, 1),
        (answer(429, ""), 2, 0),
        (answer(429, "retry-after: 0\r\n"), 2, 0),
    ] {
        let name = format!("{act:?}");
        let server = server_after(times, act).await;
        let rows = numbered(3);
        let delivered = deliver(&axiom(&server), batch(&rows)).await.expect("delivered");
        let tally = *delivered.tally();
        assert_eq!((tally.rows, tally.requests), (3, times as u64 + 1), "{name}");
        assert_eq!((tally.repeats, tally.repeated_rows), (repeats, repeats * 3), "{name}");
        assert!(server.received().iter().all(|request| request.rows() == rows), "{name}: every repeat is whole");
        assert_eq!(tally.wire_bytes, server.received().iter().map(|request| request.body.len() as u64).sum::<u64>());
    }
}

#[tokio::test]
async fn a_server_that_never_answers_is_a_repeat() {
    let server = server_after(1, Act::Silence).await;
    let timeouts = Timeouts { connect: Duration::from_secs(10), request: Duration::from_millis(300) };
    let backoff = Backoff::new(Duration::from_millis(1), Duration::from_millis(4));
    let axiom = Axiom::connect_with(settings(&server), timeouts, backoff).expect("a client");
    let delivered = deliver(&axiom, batch(&["{}"])).await.expect("delivered");
    assert!(delivered.tally().repeats >= 1, "{:?}", delivered.tally());
}

#[tokio::test]
async fn a_success_that_stays_unreadable_is_not_sent_for_ever() {
    let server = Server::start(|_| Act::CutShort).await;
    let axiom = axiom(&server);
    let undelivered = deliver(&axiom, batch(&["{}"])).await.unwrap_err();
    assert!(matches!(undelivered, Undelivered::Later { cause: Cause::Unreadable(_), .. }), "{undelivered:?}");
    assert_eq!((server.received().len(), undelivered.tally().repeats), (4, 3));
}

#[tokio::test]
async fn trouble_that_outlasts_the_deadline_is_put_off() {
    let server = Server::start(|_| answer(503, "")).await;
    let axiom = axiom(&server);
    let deadline = Instant::now() + Duration::from_millis(300);
    let undelivered = deliver_to(&axiom, &destination(), batch(&["{}"]), deadline).await.unwrap_err();
    let Undelivered::Later { cause: Cause::Answered { status: 503, reason }, tally, .. } = &undelivered else {
        panic!("{undelivered:?}")
    };
    assert_eq!((reason.as_str(), tally.requests), ("busy", server.received().len() as u64));
    assert!(tally.requests > 0);
}

#[tokio::test]
async fn nobody_listening_is_not_an_unknown_outcome() {
    let server = Server::start(|_| Act::Ok).await;
    let axiom = axiom(&server);
    let url = server.url.clone();
    drop(server);
    // The port is free once the listener is gone; connecting tells when.
    while tokio::net::TcpStream::connect(url.socket_addrs(|| None).expect("an address")[0]).await.is_ok() {}
    let deadline = Instant::now() + Duration::from_millis(200);
    let undelivered = deliver_to(&axiom, &destination(), batch(&["{}"]), deadline).await.unwrap_err();
    assert!(matches!(undelivered, Undelivered::Later { cause: Cause::NoAnswer(_), .. }), "{undelivered:?}");
    assert_eq!(undelivered.tally().repeats, 0);
    assert_eq!(undelivered.to_string(), "put off the delivery to Axiom");
}

#[tokio::test]
async fn a_limit_beyond_the_deadline_is_put_off_and_pauses_the_rest() {
    for (status, headers, seconds) in [(429, "retry-after: 600\r\n", 600), (430, "", 900)] {
        let server = Server::start(move |_| answer(status, headers)).await;
        let axiom = axiom(&server);
        assert_eq!(axiom.paused(), None);
        let undelivered = deliver(&axiom, batch(&["{}"])).await.unwrap_err();
        let Undelivered::Later { wait: Some(wait), cause: Cause::Answered { .. }, .. } = undelivered else {
            panic!("{undelivered:?}")
        };
        assert_eq!(wait, Duration::from_secs(seconds));
        let paused = axiom.paused().expect("a pause");
        assert!(paused <= wait && paused > wait - Duration::from_secs(200), "{paused:?}");
        let undelivered = deliver(&axiom, batch(&["{}"])).await.unwrap_err();
        assert!(matches!(undelivered, Undelivered::Later { wait: Some(_), cause: Cause::Paused, .. }));
        assert_eq!(server.received().len(), 1, "nothing is sent during the pause");
    }
}

#[tokio::test]
async fn rows_taken_before_a_stop_need_not_be_sent_again() {
    let bad = |request: &Request| request.text().contains("bad");
    let server = Server::start(move |request| match bad(request) {
        true if request.rows().len() > 1 => Act::Answer(400, "", String::new()),
        true => answer(401, ""),
        false => Act::Ok,
    });
    let server = server.await;
    let whole = batch(&["{\"n\":1}", "{\"bad\":1}"]);
    let (start, end) = (whole.span.start, whole.rows[1].source);
    let mut undelivered = deliver(&axiom(&server), whole).await.unwrap_err();
    assert!(matches!(undelivered, Undelivered::Configuration { .. }));
    assert_eq!(undelivered.tally().rows, 1);
    let part = undelivered.take_part().expect("the first half is in");
    assert_eq!((part.tally().rows, part.refused().len()), (1, 0));
    assert_eq!(part.span(), crate::batch::Span { start, end }, "the rest is to be sent again");
}
