//! Bodies, headers, and the rules for events.

use std::io::Write;

use rig::axiom::{Blame, Inspect, LongValue, Options, Rules};
use rig::content::{Content, row_hash};
use serde_json::{Value, json};

use super::{DATASET, post, send, start};

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).expect("write to memory");
    encoder.finish().expect("write to memory")
}

/// Sends a body with these headers and compares the status and the rows as stored.
async fn check(headers: &[(&str, &str)], body: Vec<u8>, status: u16, rows: &[&str]) {
    let axiom = start(Options::default()).await;
    let mut request = post(&axiom, body).build().expect("a request");
    for (name, value) in headers {
        let name = reqwest::header::HeaderName::from_bytes(name.as_bytes()).expect("a name");
        request.headers_mut().insert(name, value.parse().expect("a value"));
    }
    let answer = super::client().execute(request).await.expect("an answer");
    assert_eq!(answer.status(), status, "{headers:?}: {:?}", answer.text().await);
    assert_eq!(axiom.rows(DATASET), rows, "{headers:?}");
}

#[tokio::test]
async fn encodings() {
    let text = "{\"a\":1}\n{\"a\":2}";
    let rows = &["{\"a\":1}", "{\"a\":2}"];
    let zstd = zstd::encode_all(text.as_bytes(), 1).expect("compress");
    for (encoding, body) in
        [("", text.into()), ("1", text.into()), ("identity", text.into()), ("gzip", gzip(text)), ("zstd", zstd)]
    {
        check(&[("content-encoding", encoding)], body, 200, rows).await;
    }
    for encoding in ["gzip", "zstd", "br"] {
        check(&[("content-encoding", encoding)], text.into(), 400, &[]).await;
    }
}

#[tokio::test]
async fn formats() {
    let rows = &["{\"a\":1}", "{\"a\":2}"];
    for content_type in
        ["application/x-ndjson", "application/nd-json", "application/json", "application/json; charset=utf-8"]
    {
        for body in ["{\"a\":1}\n{\"a\":2}\n", "{\"a\":1}\n{\"a\":2}", "\n{\"a\":1}\n\n{\"a\":2}"] {
            check(&[("content-type", content_type)], body.into(), 200, rows).await;
        }
    }
    check(&[("content-type", "application/json")], " [ {\"a\":1} ,\n{\"a\":2}]".into(), 200, rows).await;
    check(&[("content-type", "application/json")], "[{\"a\":1},".into(), 400, &[]).await;
    check(&[("content-type", "text/csv")], "a,b\n1,2\n3,4".into(), 200, &["1,2", "3,4"]).await;
    check(&[("content-type", "text/csv"), ("x-axiom-csv-fields", "a, b")], "1,2\n".into(), 200, &["1,2"]).await;
    check(&[("content-type", "text/csv")], "a,b\n1\n".into(), 400, &[]).await;
    check(&[("content-type", "text/html")], "{}".into(), 400, &[]).await;
    check(&[], "{\"a\":1}\nno\n".into(), 400, &[]).await;
    check(&[], Vec::new(), 200, &[]).await;
}

#[tokio::test]
async fn chunked_bodies_labels_and_times() {
    let axiom = start(Options { id_field: Some("id".to_owned()), ..Options::default() }).await;
    let labels = "{\"source_blob\":\"am-x/y\",\"source_offset\":0}";
    let chunks = [
        "{\"id\":\"a\",\"At\":\"2026-01-02T03:04:05Z\",\"o\":{\"p\":1}}\n",
        "{\"id\":\"b\",\"At\":\"2026-01-02T05:04:05Z\"}\n",
    ];
    let sent: usize = chunks.iter().map(|chunk| chunk.len()).sum();
    let body = reqwest::Body::wrap_stream(futures::stream::iter(chunks.map(Ok::<_, std::io::Error>)));
    let request = post(&axiom, body).query(&[("timestamp-field", "At")]).header("X-Axiom-Event-Labels", labels);
    let answer = send(request).await.expect("an answer").json();
    let expected = json!({"ingested": 2, "failed": 0, "failures": [], "processedBytes": sent + labels.len(), "blocksCreated": 0, "walLength": 1});
    assert_eq!(answer, expected);
    let events = axiom.events(DATASET);
    assert_eq!(
        (&events[0]["_time"], &events[0]["o.p"], &events[1]["source_blob"]),
        (&json!("2026-01-02T03:04:05Z"), &json!(1), &json!("am-x/y"))
    );
    assert_eq!(axiom.fields(DATASET), ["At", "id", "o.p", "source_blob", "source_offset"]);
    let totals = axiom.totals(DATASET);
    assert_eq!((totals.requests, totals.bytes, totals.wire_bytes), (1, (sent + labels.len()) as u64, sent as u64));
    assert_eq!(Vec::from_iter(totals.blobs), ["am-x/y"]);
    let record = &axiom.requests()[0];
    assert_eq!((record.edge, record.status, record.rows, record.wire_bytes), (true, 200, 2, sent as u64));
    assert_eq!((&record.ids[..], record.path.as_str()), (&["a".to_owned(), "b".to_owned()][..], "/v1/ingest/logs"));
    assert_eq!(record.query, [("timestamp-field".to_owned(), "At".to_owned())]);
    assert_eq!(record.times.map(|(first, last)| last - first), Some(2 * 3600 * 1_000_000_000));
    assert!(record.headers.iter().any(|(name, value)| name == "x-axiom-event-labels" && value == labels));
    assert!(!format!("{record:?}").contains(axiom.token()));
}

/// Sends to a stand-in with these rules and compares `(status, ingested, failed)`.
async fn under(rules: Rules, body: &str, expected: (u16, u64, u64)) -> Value {
    let axiom = start(Options { rules: rules.clone(), ..Options::default() }).await;
    let answer = send(post(&axiom, body.to_owned())).await.expect("an answer");
    let json = answer.json();
    let count = |key: &str| json[key].as_u64().unwrap_or_default();
    assert_eq!((answer.status, count("ingested"), count("failed")), expected, "{rules:?}");
    assert_eq!(axiom.totals(DATASET).content.rows, expected.1);
    json
}

#[tokio::test]
async fn limits_and_their_switches() {
    let rules = Rules::default;
    let three = "{\"a\":1}\n{\"b\":1}\n{\"c\":1}\n";
    under(Rules { events_max: Some(2), ..rules() }, three, (400, 0, 0)).await;
    under(Rules { events_max: Some(3), ..rules() }, three, (200, 3, 0)).await;
    under(Rules { fields_max: 2, ..rules() }, three, (200, 2, 1)).await;
    under(Rules { fields_max: 2, over_fields: Blame::Request, ..rules() }, three, (400, 0, 0)).await;
    under(Rules { body_max: 23, ..rules() }, three, (413, 0, 0)).await;
    under(Rules { wire_max: 23, ..rules() }, three, (413, 0, 0)).await;
    under(Rules { body_max: 24, wire_max: 24, ..rules() }, three, (200, 3, 0)).await;
    under(Rules { bad_line: Blame::Row, ..rules() }, "{\"a\":1}\nno\n", (200, 1, 1)).await;
    under(Rules { value_bytes: 3, ..rules() }, "{\"a\":\"long\"}", (200, 1, 0)).await;
    under(Rules { value_bytes: 3, long_value: LongValue::RefuseRequest, ..rules() }, "{\"a\":\"long\"}", (400, 0, 0))
        .await;
    under(Rules { name_bytes: 3, ..rules() }, "{\"long\":1}\n{\"a\":1}", (200, 1, 1)).await;
    let hour = std::time::Duration::from_secs(3600);
    under(
        Rules { time_window: Some((hour, hour)), ..rules() },
        "{\"_time\":\"2001-01-01T00:00:00Z\"}\n{}",
        (200, 1, 1),
    )
    .await;
    let failed = under(rules(), "{\"_time\":\"soon\"}\n{}", (200, 1, 1)).await;
    assert!(failed["failures"][0]["error"].as_str().is_some_and(|error| error.contains("timestamp")), "{failed}");
}

#[tokio::test]
async fn a_compressed_body_is_judged_by_its_full_size() {
    let axiom = start(Options { rules: Rules { body_max: 1000, ..Rules::default() }, ..Options::default() }).await;
    let bomb = gzip(&"{\"a\":1}\n".repeat(10_000));
    assert!(bomb.len() < 1000);
    let answer = send(post(&axiom, bomb).header("content-encoding", "gzip")).await.expect("an answer");
    assert_eq!(answer.status, 413);
}

#[tokio::test]
async fn a_locked_schema_drops_and_warns() {
    let axiom = start(Options::default()).await;
    axiom.lock_schema(DATASET, &[("a", "float"), ("b", "string")]);
    let answer =
        send(post(&axiom, "{\"a\":1,\"b\":2,\"debug\":3}\n{\"a\":null,\"debug\":4}")).await.expect("an answer").json();
    assert_eq!((&answer["ingested"], &answer["failed"]), (&json!(2), &json!(0)));
    let warning = json!({"priority": "warn", "code": "schema_rules_drop:debug", "count": 2, "msg": "field \"debug\" dropped: not in declared schema"});
    assert_eq!(answer["messages"][1], warning);
    assert_eq!(axiom.fields(DATASET), ["a"]);
}

#[tokio::test]
async fn rows_are_counted_without_a_look_inside() {
    let axiom = start(Options { inspect: Inspect::Rows, ..Options::default() }).await;
    let rows = ["{\"a\":1}", "not even JSON", "{\"a\":1}"];
    let answer =
        send(post(&axiom, gzip(&rows.join("\n"))).header("content-encoding", "gzip")).await.expect("an answer");
    assert_eq!((answer.status, &answer.json()["ingested"]), (200, &json!(3)));
    let mut content = Content::default();
    rows.iter().for_each(|row| content.add(row.as_bytes()));
    let totals = axiom.totals(DATASET);
    assert_eq!((totals.content, totals.distinct.rows, totals.duplicated), (content, 2, 1));
    assert_eq!(axiom.count_of(DATASET, row_hash(b"{\"a\":1}")), 2);
}
