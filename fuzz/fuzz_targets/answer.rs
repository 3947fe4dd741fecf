//! What an answer of Axiom means: never a panic, and success only where the counts prove it.
//!
//! Input: two bytes for the status, one for the number of rows, a line for the value of the headers that name a wait, then the body.

#![no_main]

use http::{HeaderMap, HeaderValue, StatusCode};
use libfuzzer_sys::fuzz_target;
use sentinel_axiom::axiom::answer::{Answer, judge, judge_creation};
use serde::Deserialize;
use time::OffsetDateTime;

/// Read without any of the code under test.
#[derive(Deserialize)]
struct Counts {
    ingested: u64,
    failed: u64,
}

fuzz_target!(|data: &[u8]| {
    let [high, low, rows, rest @ ..] = data else { return };
    // Few statuses mean something: every other input is a 200.
    let code = if high % 2 == 0 { 200 } else { 100 + u16::from_be_bytes([*high, *low]) % 900 };
    let status = StatusCode::from_u16(code).expect("100 to 999");
    let rows = u64::from(*rows);
    let line = rest.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let (header, body) = (&rest[..line], rest.get(line + 1..).unwrap_or_default());
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_bytes(header) {
        for name in ["retry-after", "x-ratelimit-reset", "x-ingestlimit-reset", "location"] {
            if u64::from(*low) % 4 != name.len() as u64 % 4 {
                headers.insert(name, value.clone());
            }
        }
    }
    let now = OffsetDateTime::from_unix_timestamp(1_800_000_000).expect("a constant");
    judge_creation(status, &headers, body, now).ok();
    match judge(status, &headers, body, rows, now) {
        Answer::Accepted { .. } => {
            let counts: Counts = serde_json::from_slice(body).expect("a success that says how many rows");
            assert_eq!((code, counts.failed, counts.ingested), (200, 0, rows), "a success that is not proven");
        }
        Answer::Partly { .. } => assert_eq!(code, 200, "set aside without an answer that counts"),
        Answer::BadRows { .. } => assert_eq!(code, 400),
        _ => {}
    }
});
