//! Messages of an Event Hub: whatever they are, nothing panics, nothing is lost, and what comes out for a table is one JSON object a line.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use sentinel_axiom::event_hub::rows::Rows;
use sentinel_axiom::lines::check_row;
use sentinel_axiom::wake::{EVENT_HUB, Message, Wake};
use serde_json::{Map, Value};
use url::Url;

static ACCOUNT: LazyLock<Url> =
    LazyLock::new(|| Url::parse("https://exportaccount.blob.core.windows.net/").expect("a constant"));

fuzz_target!(|data: &[u8]| {
    check(&[Message { body: data.to_owned(), ..Message::default() }]);
    if let Ok(Wake::EventHub(wake)) = Wake::parse(EVENT_HUB, data, &ACCOUNT) {
        check(&wake.messages);
    }
    // Most mutations break the envelope: the same bytes as one of its texts reach what lies behind.
    if let Ok(text) = std::str::from_utf8(data) {
        let batch = serde_json::json!({"Data": {"messages": serde_json::json!([text]).to_string()}, "Metadata": {}});
        let Ok(Wake::EventHub(wake)) = Wake::parse(EVENT_HUB, batch.to_string().as_bytes(), &ACCOUNT) else {
            panic!("a whole envelope is refused")
        };
        assert_eq!(wake.messages.len(), 1);
        check(&wake.messages);
    }
});

fn check(messages: &[Message]) {
    let rows = Rows::of(messages, 1 << 20);
    let mut count = 0;
    for (table, lines) in &rows.tables {
        assert!(table.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)), "{table:?} names a dataset");
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            count += 1;
            let object = serde_json::from_slice::<Map<String, Value>>(line).is_ok();
            assert!(object && line.ends_with(b"\n"), "{}", String::from_utf8_lossy(line));
        }
    }
    assert_eq!(count, rows.rows);
    if let [message] = messages
        && check_row(&message.body, 1 << 20).is_ok()
        && !message.body.windows(5).any(|bytes| bytes.eq_ignore_ascii_case(b"cords"))
    {
        assert_eq!((rows.rows, rows.bad.len()), (1, 0), "an object that is no envelope is a row");
    }
}
