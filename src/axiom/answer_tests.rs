//! The answer table, line by line.

use http::header::HeaderValue;

use super::*;

const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

fn answer(status: u16, body: &str) -> Answer {
    judge(StatusCode::from_u16(status).expect("a status of HTTP"), &HeaderMap::new(), body.as_bytes(), 3, NOW)
}

#[test]
fn a_success_is_200_with_all_rows_ingested_and_none_failed() {
    for body in [
        r#"{"ingested":3,"failed":0,"failures":[],"processedBytes":9,"blocksCreated":0,"walLength":2}"#,
        r#"{"ingested":3,"failed":0,"failures":null}"#,
        r#"{"ingested":3,"failed":0}"#,
        r#"{"ingested":3,"failed":0,"failures":"of another shape","messages":{"of":"another"},"more":1}"#,
    ] {
        assert_eq!(answer(200, body), Answer::Accepted { warning: None }, "{body}");
    }
    let locked =
        r#"{"ingested":3,"failed":0,"messages":[{"priority":"warn","count":1,"msg":"field dropped"},{"message":"x"}]}"#;
    assert_eq!(answer(200, locked), Answer::Accepted { warning: Some("field dropped".to_owned()) });
}

#[test]
fn a_partial_success_is_none() {
    let check = |body: &str, words: &str, none: bool| match answer(200, body) {
        Answer::Partly { reason, took_none } => {
            assert!(reason.contains(words), "{reason}");
            assert_eq!(took_none, none, "{body}");
        }
        other => panic!("{body}: {other:?}"),
    };
    check(
        r#"{"ingested":2,"failed":1,"failures":[{"timestamp":"t","error":"too\nmany fields"}]}"#,
        "too many fields",
        false,
    );
    check(r#"{"ingested":2,"failed":1}"#, "took 2 of 3 rows and refused 1; first failure: no reason given", false);
    check(r#"{"ingested":3,"failed":1}"#, "took 3 of 3", false);
    check(r#"{"ingested":2,"failed":0}"#, "took 2 of 3", false);
    check(r#"{"ingested":4,"failed":0}"#, "took 4 of 3", false);
    check(r#"{"ingested":0,"failed":0}"#, "took 0 of 3", false);
    check(r#"{"ingested":0,"failed":3,"failures":[{"error":"nope"}]}"#, "nope", true);
}

#[test]
fn a_success_that_cannot_be_read_is_an_unknown_outcome() {
    for (status, body) in [
        (200, ""),
        (200, r#"{"ingested":3,"fai"#),
        (200, r#"{"ingested":3}"#),
        (200, r#"{"failed":0}"#),
        (200, r#"{"ingested":-3,"failed":0}"#),
        (200, "<html>Please log in</html>"),
        (200, "null"),
        (200, r#"{"ingested":3,"failed":0}}"#),
        (201, r#"{"ingested":3,"failed":0}"#),
        (202, ""),
        (204, ""),
    ] {
        let answer = answer(status, body);
        assert!(matches!(answer, Answer::Setback(Setback::Unreadable { .. })), "{status} {body}: {answer:?}");
    }
}

#[test]
fn answers_about_rows_and_dataset() {
    let body = r#"{"code":1,"message":"because"}"#;
    let reason = "because".to_owned();
    assert_eq!(answer(400, body), Answer::BadRows { reason: reason.clone() });
    assert_eq!(answer(404, body), Answer::NoDataset { reason: reason.clone() });
    assert_eq!(answer(413, body), Answer::TooLarge { reason });
}

#[test]
fn configuration_limits_and_trouble() {
    let body = "<html><body>because</body></html>";
    let reason = "because".to_owned();
    for status in [401, 402, 403, 405, 409, 410, 415, 422, 432, 451] {
        let expected = Setback::Configuration { status, reason: reason.clone() };
        assert_eq!(answer(status, body), Answer::Setback(expected));
    }
    for (status, wait) in [(429, None), (430, Some(MONTHLY_LIMIT_WAIT))] {
        let expected = Setback::Limit { status, reason: reason.clone(), wait };
        assert_eq!(answer(status, body), Answer::Setback(expected));
    }
    for (status, perhaps_taken) in [(408, false), (500, true), (502, true), (503, true), (504, true), (599, true)] {
        let expected = Setback::Trouble { status, reason: reason.clone(), wait: None, perhaps_taken };
        assert_eq!(answer(status, body), Answer::Setback(expected));
    }
}

#[test]
fn headers_name_the_wait_and_the_target_of_a_redirect() {
    let judge = |status: u16, name: &'static str, value: &'static str| {
        let headers =
            [(name.parse().expect("a name of a header"), HeaderValue::from_static(value))].into_iter().collect();
        judge(StatusCode::from_u16(status).expect("a status of HTTP"), &headers, b"", 3, NOW)
    };
    for (status, name, value) in
        [(429, "retry-after", "20"), (430, "x-ingestlimit-reset", "20"), (429, "x-ratelimit-reset", "20")]
    {
        let answer = judge(status, name, value);
        let Answer::Setback(Setback::Limit { wait, .. }) = answer else { panic!("{answer:?}") };
        assert_eq!(wait, Some(Duration::from_secs(20)));
    }
    let answer = judge(503, "retry-after", "Thu, 01 Jan 1970 00:00:20 GMT");
    let Answer::Setback(Setback::Trouble { wait, .. }) = answer else { panic!("{answer:?}") };
    assert_eq!(wait, Some(Duration::from_secs(20)));
    let reason = "redirect to https://app.axiom.co/login".to_owned();
    assert_eq!(
        judge(302, "location", "https://app.axiom.co/login"),
        Answer::Setback(Setback::Configuration { status: 302, reason })
    );
}

#[test]
fn creating_a_dataset_that_exists_is_a_success() {
    let judge =
        |status| judge_creation(StatusCode::from_u16(status).expect("a status of HTTP"), &HeaderMap::new(), b"no", NOW);
    for status in [200, 201, 409] {
        assert_eq!(judge(status), Ok(()));
    }
    for status in [400, 401, 403, 404, 422] {
        assert_eq!(judge(status), Err(Setback::Configuration { status, reason: "no".to_owned() }));
    }
    assert_eq!(judge(429), Err(Setback::Limit { status: 429, reason: "no".to_owned(), wait: None }));
    assert!(matches!(judge(500), Err(Setback::Trouble { .. })));
}
