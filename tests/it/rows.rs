//! What counts as a row, through the whole program: each line with its expected outcome.

use crate::support::{CONTAINER, TABLE, World, blob_name, row, rows};

/// The expected outcome of a line.
#[derive(Debug, PartialEq, Clone, Copy)]
enum Expect {
    /// Sent, exactly these bytes.
    Sent,
    /// Set aside; the reason contains this.
    Refused(&'static str),
    /// Neither: it carries nothing.
    Nothing,
}

use Expect::{Nothing, Refused, Sent};

fn cases() -> Vec<(&'static str, Vec<u8>, Expect)> {
    let json = "not valid JSON";
    let text = |text: &str| text.as_bytes().to_vec();
    let mut cases = vec![
        ("a row", text(&row(1)), Sent),
        ("an empty object", text("{}"), Sent),
        ("spaces around", text("  {\"a\":1}\t "), Sent),
        ("nested", text(r#"{"a":{"b":[1,2,{"c":null}]}}"#), Sent),
        ("every literal", text(r#"{"a":true,"b":false,"c":null,"d":-0.5e-10,"e":[]}"#), Sent),
        ("all escapes", text(r#"{"a":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"}"#), Sent),
        ("non-ASCII", text("{\"ü\":\"日本語 😀\"}"), Sent),
        (
            "a lone surrogate is legal by the grammar, so Axiom decides; the stand-in refuses it",
            text(r#"{"a":"\ud800"}"#),
            Refused("Axiom"),
        ),
        (
            "a number beyond every type is legal by the grammar",
            text(r#"{"a":1e999,"b":123456789012345678901234567890}"#),
            Sent,
        ),
        ("the same key twice is legal by the grammar", text(r#"{"a":1,"a":2}"#), Sent),
        ("an empty key", text(r#"{"":1}"#), Sent),
        ("a DEL character is legal in a string", text("{\"a\":\"\x7f\"}"), Sent),
        ("100 levels", nested(99), Sent),
        ("brackets in a string are no levels", text(&format!("{{\"a\":\"{}\"}}", "[".repeat(500))), Sent),
        ("many shallow brackets", text(&format!("{{\"a\":[{}0]}}", "[],".repeat(300))), Sent),
        ("the largest row", sized(900_000), Sent),
        ("empty line", text(""), Nothing),
        ("spaces and tabs", text(" \t  "), Nothing),
        ("a lone carriage return", text("\r"), Nothing),
        ("one byte more", sized(900_001), Refused("larger than 900000 bytes")),
        ("a 5 MB row", sized(5_000_000), Refused("larger than 900000 bytes")),
        ("101 levels", nested(100), Refused("nested deeper")),
        ("100,000 brackets, closed", nested(100_000), Refused("nested deeper")),
        ("100,000 brackets, open", text(&format!("{{\"a\":{}", "[".repeat(100_000))), Refused(json)),
        ("an array", text("[{\"a\":1}]"), Refused("not a JSON object")),
        ("a string", text("\"a\""), Refused("not a JSON object")),
        ("a number", text("42"), Refused("not a JSON object")),
        ("null", text("null"), Refused("not a JSON object")),
        ("a literal", text("true"), Refused("not a JSON object")),
    ];
    let truncated = row(7);
    for at in [1, 10, 30, 60, truncated.len() - 1] {
        cases.push(("truncated", truncated.as_bytes()[..at].to_vec(), Refused(json)));
    }
    for bad in [
        "{",
        "}",
        "{{}",
        "{}}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,\"a\":1}",
        "{\"a\" 1}",
        "{\"a\":1 \"b\":2}",
        "{a:1}",
        "{'a':1}",
        "{\"a\":1}x",
        "{\"a\":1}{\"b\":2}",
        "{\"a\":1},",
        "{\"a\":01}",
        "{\"a\":+1}",
        "{\"a\":.5}",
        "{\"a\":5.}",
        "{\"a\":1e}",
        "{\"a\":-}",
        "{\"a\":NaN}",
        "{\"a\":Infinity}",
        "{\"a\":nul}",
        "{\"a\":True}",
        "{\"a\":undefined}",
        "{\"a\":\"x}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\u12G4\"}",
        "{\"a\":\"\\u12\"}",
        "{\"a\":\"\\\"}",
        "{\"a\":[1,]}",
        "{\"a\":[1 2]}",
        "{\"a\":[1}",
        "{\"a\":1}// comment",
        "/* */{}",
        "{\"a\":0x10}",
        "{\"a\":1_000}",
        "{\"a\":\"tab\there\"}",
        "{\"a\":\"bell\u{7}\"}",
        "{\"a\":\"escape\u{1b}\"}",
        "{\"a\":\"nul\0\"}",
        "{\"a\":1}\0",
        "\0",
        "\u{feff}{\"a\":1}",
        "{\"a\":1}\u{a0}",
        "nope",
    ] {
        cases.push(("malformed", text(bad), Refused(json)));
    }
    for bytes in [
        &b"\xff"[..],
        b"{\"a\":\"\xff\"}",
        b"{\"a\":\"\xc3\"}",
        b"{\"a\":\"\xc0\xaf\"}",
        b"{\"a\":\"\xed\xa0\x80\"}",
        b"{\"a\":\"\xf5\x80\x80\x80\"}",
        b"{\"\xe9\":1}",
    ] {
        cases.push(("not UTF-8", bytes.to_vec(), Refused("not UTF-8")));
    }
    cases
}

fn nested(levels: usize) -> Vec<u8> {
    format!("{{\"a\":{}0{}}}", "[".repeat(levels), "]".repeat(levels)).into_bytes()
}

fn sized(bytes: usize) -> Vec<u8> {
    format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - 8)).into_bytes()
}

#[tokio::test]
async fn every_line_is_sent_as_it_is_or_set_aside_with_its_bytes() {
    let cases = cases();
    assert!(cases.iter().filter(|case| case.2 != Sent).count() >= 60, "at least 60 malformed rows");
    for line_end in ["\n", "\r\n"] {
        let world = World::new().await;
        let mut blob = Vec::new();
        let mut expected_refused = Vec::new();
        for (_, line, expect) in &cases {
            if let Refused(reason) = expect {
                expected_refused.push((blob.len() as u64, line, *reason));
            }
            blob.extend_from_slice(line);
            blob.extend_from_slice(line_end.as_bytes());
        }
        world.put(&blob_name(0), &blob).await;
        world.run_once().await;

        let sent: Vec<String> =
            cases.iter().filter(|case| case.2 == Sent).map(|case| String::from_utf8(case.1.clone()).unwrap()).collect();
        assert!(world.delivered(TABLE) == sent, "other rows than expected are in Axiom");
        let refused = world.refused().await;
        for (record, (offset, line, reason)) in refused.iter().zip(&expected_refused) {
            let shown = String::from_utf8_lossy(&line[..line.len().min(80)]);
            assert_eq!(record.offset, *offset, "{shown}");
            assert!(&record.bytes() == *line, "{shown}: other bytes");
            assert!(record.reason.contains(reason), "{shown}: {}", record.reason);
            assert_eq!(record.blob, format!("{CONTAINER}/{}", blob_name(0)));
            assert!(!record.perhaps_delivered);
        }
        assert_eq!(refused.len(), expected_refused.len());
        assert!(world.properties(&blob_name(0)).await.is_none(), "all is delivered or set aside, so the blob is gone");
        let binary = refused.iter().filter(|record| record.row_base64.is_some()).count();
        assert_eq!(
            binary,
            cases.iter().filter(|case| std::str::from_utf8(&case.1).is_err()).count(),
            "base64 for what is not UTF-8"
        );
    }
}

#[tokio::test]
async fn one_bad_row_in_a_hundred_leaves_exactly_the_others() {
    let mut world = World::new().await;
    // Several batches, so that the bad rows stand at every place of a batch.
    world.set("BATCH_ROWS", "97");
    let mut rng = fastrand::Rng::with_seed(42);
    let (mut blob, mut good, mut bad) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..5000 {
        let mut line = row(number).into_bytes();
        if rng.u8(..100) == 0 {
            // Cut somewhere, within a character too, or with a byte that no text has.
            match rng.bool() {
                true => line.truncate(rng.usize(1..line.len())),
                false => line[rng.usize(1..row(0).len())] = 0xff,
            }
            bad.push((blob.len() as u64, line.clone()));
        } else {
            good.push(row(number));
        }
        blob.extend_from_slice(&line);
        blob.push(b'\n');
    }
    world.put(&blob_name(0), &blob).await;
    world.run_once().await;
    let mut delivered = world.delivered(TABLE);
    delivered.sort();
    good.sort();
    assert!(bad.len() > 20, "the seed gives some");
    assert!(delivered == good, "{} rows instead of {}", delivered.len(), good.len());
    let source = format!("{CONTAINER}/{}", blob_name(0));
    let mut in_base64 = 0;
    let refused = world.refused().await;
    for (record, (offset, line)) in refused.iter().zip(&bad) {
        assert_eq!((&record.blob, record.offset, &record.bytes()), (&source, *offset, line));
        let reason = if std::str::from_utf8(line).is_ok() { "not valid JSON at byte" } else { "not UTF-8" };
        assert!(record.reason.contains(reason), "{}", record.reason);
        assert_eq!(record.row_base64.is_some(), reason == "not UTF-8", "base64 for nothing else");
        in_base64 += usize::from(record.row_base64.is_some());
    }
    assert!(refused.len() == bad.len() && in_base64 > 5, "{} records, {in_base64} in base64", refused.len());
}

#[tokio::test]
async fn the_last_line_of_a_settled_blob_needs_no_newline_and_batches_carry_their_origin() {
    let mut world = World::new().await;
    world.set("BATCH_ROWS", "2");
    let text = rows(0..5);
    world.put(&blob_name(0), text.trim_end().as_bytes()).await;
    world.run_once().await;
    assert_eq!(world.delivered(TABLE).len(), 5);
    let mut origins: Vec<_> = world
        .axiom
        .events(TABLE)
        .iter()
        .map(|event| {
            (
                event["EventID"].as_u64().unwrap(),
                event["source_offset"].as_u64().unwrap(),
                event["source_blob"].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    origins.sort();
    let batch = row(0).len() as u64 * 2 + 2;
    assert_eq!(origins.iter().map(|origin| origin.1).collect::<Vec<_>>(), [0, 0, batch, batch, 2 * batch]);
    assert!(origins.iter().all(|origin| origin.2 == format!("{CONTAINER}/{}", blob_name(0))));
    let times: Vec<_> =
        world.axiom.events(TABLE).iter().map(|event| event["_time"].as_str().unwrap_or_default().to_owned()).collect();
    assert!(times.iter().all(|time| time.starts_with("2026-11-24T10:00:00")), "TimeGenerated is the time: {times:?}");
}

#[tokio::test]
async fn recorded_rows_pass_through_byte_for_byte() {
    // Own rows of the same shapes always; the recorded ones where they are at hand (their licences keep them out of this repository).
    let mut files = vec![(
        "fixtures".to_owned(),
        std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/export-rows.jsonl")).unwrap(),
    )];
    let samples = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/samples");
    for entry in std::fs::read_dir(samples).into_iter().flatten().flatten() {
        let name = entry.file_name().into_string().unwrap();
        if name.ends_with(".jsonl") && (name.contains(".teragrep.") || name.contains("SecurityAlert.elastic")) {
            files.push((name, std::fs::read(entry.path()).unwrap()));
        }
    }
    let mut world = World::new().await;
    world.set("AXIOM_DATASET", "all");
    let mut expected = Vec::new();
    for (minute, (_, bytes)) in files.iter().enumerate() {
        world.put(&blob_name(u8::try_from(minute).unwrap()), bytes).await;
        expected
            .extend(String::from_utf8_lossy(bytes).lines().filter(|line| !line.trim().is_empty()).map(str::to_owned));
    }
    world.run_once().await;
    let mut delivered = world.delivered("all");
    delivered.sort();
    expected.sort();
    assert_eq!(delivered, expected);
    assert!(world.refused().await.is_empty());
}
