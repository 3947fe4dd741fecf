//! What the query APIs reply, as rows: never a panic, and what comes out is one JSON object a line, as many as there are rows.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sentinel_axiom::query::rows::Rows;
use sentinel_axiom::{hunting, loganalytics, resource_graph};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

fuzz_target!(|data: &[u8]| {
    for rows in [loganalytics::reply::rows(data), hunting::reply::rows(data)] {
        if let Ok(rows) = rows {
            check(rows);
        }
    }
    if let Ok(page) = resource_graph::reply::page(data) {
        let lines: Vec<_> = page.lines.split_inclusive(|byte| *byte == b'\n').collect();
        let good = |line: &&[u8]| {
            line.starts_with(b"{") && line.ends_with(b"}\n") && serde_json::from_slice::<&RawValue>(line).is_ok()
        };
        assert!(lines.len() as u64 == page.rows && lines.iter().all(good), "{}", String::from_utf8_lossy(&page.lines));
    }
});

fn check(rows: Rows) {
    let lines = rows.lines.split_inclusive(|byte| *byte == b'\n');
    let objects = lines.map(|line| serde_json::from_slice::<Map<String, Value>>(line).is_ok() && line.ends_with(b"\n"));
    let (count, good) = objects.fold((0, true), |(count, good), object| (count + 1, good && object));
    assert!(count == rows.count && good, "{}", String::from_utf8_lossy(&rows.lines));
    if let Some(error) = rows.error {
        let _ = error.to_string();
    }
}
