//! Is a line a row?

use std::hint::black_box;

use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::measure::{Candidate, in_turn, speed};
use crate::{json, lines};

type Check = fn(&[u8]) -> bool;

/// The program's is the first; the strict parser alone is the one that decides where it leaves a line.
const CHECKS: [(&str, Check); 8] = [
    ("**lines.rs: json.rs, then the strict parser**", |line| lines::check_row(line, 900_000).is_ok()),
    ("json.rs alone (leaves rare white space to the parser)", |line| json::is_object(line, lines::DEEPEST)),
    ("serde_json `RawValue`, the strict parser", |line| serde_json::from_slice::<&RawValue>(line).is_ok()),
    ("serde_json `IgnoredAny`", |line| serde_json::from_slice::<IgnoredAny>(line).is_ok()),
    ("simdutf8, then `IgnoredAny`", |line| {
        simdutf8::basic::from_utf8(line).is_ok() && serde_json::from_slice::<IgnoredAny>(line).is_ok()
    }),
    ("serde_json `Value`", |line| serde_json::from_slice::<serde_json::Value>(line).is_ok()),
    ("simd-json `to_tape` (needs a copy)", |line| simd_json::to_tape(&mut line.to_vec()).is_ok()),
    ("sonic-rs `LazyValue`", |line| sonic_rs::from_slice::<sonic_rs::LazyValue<'_>>(line).is_ok()),
];

/// Objects by RFC 8259.
const GOOD: [&[u8]; 6] = [
    b"{}",
    b"{\"a\":1e999}",
    b"{\"a\":123456789012345678901234567890}",
    b"{\"a\":\"\\ud800\"}",
    b"{\"a\":\"\xc3\xa9\"}",
    b"{\"a\":\t1}",
];

/// No JSON.
const BAD: [&[u8]; 9] = [
    b"{\"a\":\"\xff\"}",
    b"{\"a\":\"\\u12G4\"}",
    b"{\"a\":\"\x01\"}",
    b"{\"a\":\"\\x\"}",
    b"{\"a\":01}",
    b"{\"a\":1,}",
    b"{}}",
    b"{}{}",
    b"{\"a\":nul}",
];

pub(crate) fn run(rows: &[u8], rounds: usize) {
    let lines: Vec<&[u8]> = rows.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    let (all, count) = (|check: Check| lines.iter().filter(|line| check(black_box(line))).count(), lines.len());
    let mut candidates: Vec<Candidate<'_>> = CHECKS
        .iter()
        .map(|(name, check)| Candidate::new(name, move || assert_eq!(all(*check), count, "{name}")))
        .collect();
    println!("\n| checking a row | MB/CPU-s | takes what is no JSON | refuses what is |\n|---|--:|--:|--:|");
    let times = in_turn(&mut candidates, rounds);
    for ((name, check), time) in CHECKS.iter().zip(times) {
        let (taken, refused) =
            (BAD.iter().filter(|line| check(line)).count(), GOOD.iter().filter(|line| !check(line)).count());
        println!(
            "| {name} | {:.0} | {taken} of {} | {refused} of {} |",
            speed(rows.len(), time),
            BAD.len(),
            GOOD.len()
        );
    }
}
