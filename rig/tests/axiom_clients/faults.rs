//! Each fault, as a plain HTTP client sees it, and what it leaves in the store.

use std::time::Duration;

use rig::axiom::{Axiom, ErrorBody, Fault, HostileBody, Options, Outcome, PoisonEffect, Refusal, RetryAfter, Rules};
use rig::content::row_hash;
use serde_json::json;

use super::{Answer, DATASET, post, send, start};

const ROWS: &str = "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n";

/// Sends three rows into a fault, and compares what is stored and what is known of it.
async fn meet(fault: Fault, committed: u64, outcome: Outcome) -> Option<Answer> {
    let axiom = start(Options::default()).await;
    axiom.faults().script([fault.clone()]);
    let answer = send(post(&axiom, ROWS)).await.ok();
    assert_eq!(axiom.totals(DATASET).content.rows, committed, "{fault:?}");
    let requests = axiom.requests();
    assert_eq!((requests.len(), requests[0].outcome, requests[0].committed), (1, outcome, committed), "{fault:?}");
    assert_eq!(axiom.unknown_outcomes(), u64::from(outcome == Outcome::Unknown), "{fault:?}");
    assert_eq!(axiom.faults().unused(), 0);
    answer
}

#[tokio::test]
async fn refusals_store_nothing() {
    for status in [400, 401, 403, 404, 408, 409, 413, 418, 422, 429, 430, 500, 502, 503, 504] {
        let answer = meet(Refusal::new(status, "because").into(), 0, Outcome::Refused).await.expect("an answer");
        assert_eq!((answer.status, answer.json()), (status, json!({"code": status, "message": "because"})));
        let limits = [
            "X-RateLimit-Scope",
            "X-RateLimit-Limit",
            "X-RateLimit-Remaining",
            "X-RateLimit-Reset",
            "X-Axiom-Trace-Id",
        ];
        assert!(limits.iter().all(|name| answer.header(name).is_some()), "{answer:?}");
        assert_eq!(answer.header("X-IngestLimit-Reset").is_some(), status == 430);
        assert_eq!(answer.header("Retry-After"), None);
    }
}

#[tokio::test]
async fn refusals_come_in_every_form() {
    for (body, content_type, text) in [
        (ErrorBody::Text, Some("text/plain; charset=utf-8"), "because"),
        (ErrorBody::Html, Some("text/html"), "<html><body><h1>because</h1></body></html>"),
        (ErrorBody::Empty, None, ""),
    ] {
        let answer =
            meet(Refusal::new(400, "because").body(body).into(), 0, Outcome::Refused).await.expect("an answer");
        assert_eq!((answer.status, answer.header("content-type"), answer.body.as_str()), (400, content_type, text));
    }
    let moved =
        meet(Refusal::redirect(301, "http://elsewhere.invalid/").into(), 0, Outcome::Refused).await.expect("an answer");
    assert_eq!((moved.status, moved.header("location")), (301, Some("http://elsewhere.invalid/")));
}

#[tokio::test]
async fn limits_say_when_to_come_back() {
    let refusal = || Refusal::new(429, "rate limit exceeded");
    let bare = meet(refusal().reset_in(None).into(), 0, Outcome::Refused).await.expect("an answer");
    assert!(bare.headers.keys().all(|name| !name.as_str().contains("ratelimit")), "{bare:?}");
    let seconds =
        meet(refusal().retry_after(RetryAfter::Seconds(7)).into(), 0, Outcome::Refused).await.expect("an answer");
    assert_eq!((seconds.header("Retry-After"), seconds.header("X-RateLimit-Remaining")), (Some("7"), Some("0")));
    let date =
        meet(refusal().retry_after(RetryAfter::Date(3600)).into(), 0, Outcome::Refused).await.expect("an answer");
    let date = date.header("Retry-After").expect("a date").replace("GMT", "+0000");
    let date = time::OffsetDateTime::parse(&date, &time::format_description::well_known::Rfc2822).expect("a GMT date");
    let wait = date - time::OffsetDateTime::now_utc();
    assert!((3000..=3600).contains(&wait.whole_seconds()), "{wait}");
}

#[tokio::test]
async fn a_200_may_not_mean_all() {
    let failed = meet(Fault::FailRows(2), 1, Outcome::Committed).await.expect("an answer").json();
    assert_eq!((&failed["ingested"], &failed["failed"]), (&json!(1), &json!(2)));
    assert_eq!(failed["failures"].as_array().map(Vec::len), Some(2));
    assert!(failed["failures"][0]["timestamp"].is_string() && failed["failures"][0]["error"].is_string(), "{failed}");
    let short = meet(Fault::ShortCount(1), 2, Outcome::Committed).await.expect("an answer").json();
    assert_eq!((&short["ingested"], &short["failed"], &short["failures"]), (&json!(2), &json!(0), &json!([])));
}

#[tokio::test]
async fn hostile_answers_leave_everything_stored() {
    for (kind, expected) in [
        (HostileBody::NoFailures, Some(None)),
        (HostileBody::NullFailures, Some(Some(json!(null)))),
        (HostileBody::HalfJson, None),
        (HostileBody::Empty, None),
        (HostileBody::Text, None),
        (HostileBody::Html, None),
    ] {
        let answer = meet(Fault::Hostile(kind), 3, Outcome::Unknown).await.expect("an answer");
        assert_eq!(answer.status, 200);
        let failures = answer.json().as_object().map(|keys| keys.get("failures").cloned());
        assert_eq!(failures, expected, "{kind:?}: {}", answer.body);
    }
}

#[tokio::test]
async fn broken_connections() {
    assert!(meet(Fault::ResetBefore, 0, Outcome::Refused).await.is_none());
    assert!(meet(Fault::ResetAfter, 3, Outcome::Unknown).await.is_none());
    assert!(meet(Fault::TruncateAfter, 3, Outcome::Unknown).await.is_none());
}

#[tokio::test]
async fn a_truncated_answer_begins_as_a_200() {
    let axiom = start(Options::default()).await;
    axiom.faults().always(Some(Fault::TruncateAfter));
    let response = post(&axiom, ROWS).send().await.expect("the head of an answer");
    assert_eq!(response.status(), 200);
    assert!(response.bytes().await.is_err());
}

#[tokio::test]
async fn slow_answers() {
    let long = Duration::from_secs(600);
    for (fault, stored) in [(Fault::SlowBefore(long), 0), (Fault::SlowAfter(long), 3)] {
        let axiom = start(Options::default()).await;
        axiom.faults().script([fault.clone()]);
        let reached = async {
            while axiom.faults().unused() > 0 || axiom.totals(DATASET).content.rows < stored {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            answer = send(post(&axiom, ROWS)) => panic!("{fault:?} was answered: {answer:?}"),
            () = reached => {}
        }
        // The client has given up. What was not stored by now never will be, and what was is unknown to it.
        assert_eq!(axiom.totals(DATASET).content.rows, stored, "{fault:?}");
        assert_eq!(axiom.unknown_outcomes(), u64::from(stored > 0), "{fault:?}");
    }
    for fault in [Fault::SlowBefore(Duration::from_millis(1)), Fault::SlowAfter(Duration::from_millis(1))] {
        let slow = meet(fault, 3, Outcome::Committed).await;
        assert_eq!(slow.map(|answer| answer.status), Some(200));
    }
}

#[tokio::test]
async fn poison_rows() {
    let axiom = start(Options::default()).await;
    axiom.faults().poison("\"n\":2", PoisonEffect::FailRow);
    let answer = send(post(&axiom, ROWS)).await.expect("an answer").json();
    assert_eq!((&answer["ingested"], &answer["failed"]), (&json!(2), &json!(1)));
    let counts = [1, 2, 3].map(|n| axiom.count_of(DATASET, row_hash(format!("{{\"n\":{n}}}").as_bytes())));
    assert_eq!(counts, [1, 0, 1]);
    axiom.faults().poison("\"n\":3", PoisonEffect::RefuseRequest(400));
    assert_eq!(send(post(&axiom, ROWS)).await.expect("an answer").status, 400);
    assert_eq!(axiom.totals(DATASET).content.rows, 2);
    axiom.faults().clear();
    assert_eq!(send(post(&axiom, ROWS)).await.expect("an answer").status, 200);
    let totals = axiom.totals(DATASET);
    assert_eq!((totals.content.rows, totals.distinct.rows, totals.duplicated), (5, 3, 2));
}

#[tokio::test]
async fn an_outage_refuses_connections_and_ends() {
    let axiom = start(Options::default()).await;
    let kept = super::client();
    let get = |axiom: &Axiom| send(kept.get(format!("{}/v2/datasets", axiom.url())).bearer_auth(axiom.token()));
    for _ in 0..3 {
        assert_eq!(get(&axiom).await.expect("an answer").status, 200);
        axiom.outage(true).await.expect("an outage");
        assert!(get(&axiom).await.is_err_and(|error| error.is_connect()));
        assert!(send(post(&axiom, ROWS)).await.is_err_and(|error| error.is_connect()));
        axiom.outage(false).await.expect("the end of it");
        assert_eq!(send(post(&axiom, ROWS)).await.expect("an answer").status, 200);
    }
    assert_eq!(axiom.totals(DATASET).content.rows, 9);
}

#[tokio::test]
async fn too_many_requests_in_a_minute() {
    let rules = Rules { requests_per_minute: 0, ..Rules::default() };
    let axiom = start(Options { rules, ..Options::default() }).await;
    let answer = send(post(&axiom, ROWS)).await.expect("an answer");
    assert_eq!((answer.status, answer.header("X-RateLimit-Remaining")), (429, Some("0")));
}

#[tokio::test]
async fn a_dropped_stand_in_is_gone() {
    let axiom = start(Options::default()).await;
    let (request, address) = (post(&axiom, ROWS), axiom.edge_url());
    drop(axiom);
    // The task ends at its next turn.
    let mut refused = false;
    for _ in 0..1000 {
        tokio::task::yield_now().await;
        refused = refused || tokio::net::TcpStream::connect(address.trim_start_matches("http://")).await.is_err();
    }
    assert!(refused && send(request).await.is_err());
}

#[tokio::test]
async fn seeded_storms_keep_honest_books() {
    for seed in 0..4 {
        storm(seed).await;
    }
}

async fn storm(seed: u64) {
    let axiom = start(Options::default()).await;
    let faults: Vec<Fault> = vec![
        Refusal::new(503, "unavailable").into(),
        Fault::ResetBefore,
        Fault::ResetAfter,
        Fault::TruncateAfter,
        Fault::FailRows(1),
        Fault::Hostile(HostileBody::Empty),
    ];
    axiom.faults().random(seed, faults.into_iter().map(|fault| (0.14, fault)).collect());
    let (mut good, mut acknowledged) = (0, 0);
    for _ in 0..100 {
        let answer = send(post(&axiom, ROWS)).await.ok().filter(|answer| answer.status == 200);
        let ingested = answer.and_then(|answer| answer.json()["ingested"].as_u64());
        good += u64::from(ingested.is_some());
        acknowledged += ingested.unwrap_or_default();
    }
    let requests = axiom.requests();
    let count = |outcome| requests.iter().filter(|request| request.outcome == outcome).count() as u64;
    assert_eq!(count(Outcome::Committed), good, "seed {seed}");
    assert_eq!(count(Outcome::Unknown), axiom.unknown_outcomes(), "seed {seed}");
    let committed: u64 = requests.iter().map(|request| request.committed).sum();
    assert_eq!(axiom.totals(DATASET).content.rows, committed, "seed {seed}");
    assert_eq!(committed, acknowledged + 3 * axiom.unknown_outcomes(), "seed {seed}");
}
