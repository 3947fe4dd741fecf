//! The stand-in's envelopes against the recorded ones: the same bytes, ids, times and the pop receipt aside.

use serde_json::Value;
use time::format_description::well_known::Rfc3339;
use time::macros::datetime;

use super::*;

/// One recorded request.
struct Recording {
    body: String,
    chunks: Vec<usize>,
    value: Value,
}

fn recording(name: &str) -> Recording {
    let path = format!("{}/fixtures/functions-host/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let file: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let body = file["body"].as_str().unwrap().to_owned();
    let sizes = file["chunks"].as_array().unwrap().iter().map(|size| size.as_u64().unwrap());
    let chunks = sizes.filter(|size| *size > 0).map(|size| usize::try_from(size).unwrap()).collect();
    Recording { value: serde_json::from_str(&body).unwrap(), body, chunks }
}

fn time_of(value: &Value) -> OffsetDateTime {
    OffsetDateTime::parse(value.as_str().unwrap(), &Rfc3339).unwrap()
}

fn text_of(value: &Value) -> String {
    serde_json::from_str(value.as_str().unwrap()).unwrap()
}

fn sys_of(value: &Value) -> Sys {
    let sys = &value["Metadata"]["sys"];
    Sys {
        function: sys["MethodName"].as_str().unwrap().to_owned(),
        now: time_of(&sys["UtcNow"]),
        rand_guid: sys["RandGuid"].as_str().unwrap().to_owned(),
    }
}

#[test]
fn queue_envelopes_are_the_recorded_bytes() {
    for name in [
        "queue-eventgrid-object",
        "queue-eventgrid-array",
        "queue-cloudevent",
        "queue-text",
        "queue-number",
        "queue-redelivered",
    ] {
        let recorded = recording(name);
        let metadata = &recorded.value["Metadata"];
        let text = text_of(&recorded.value["Data"]["event"]);
        let facts = QueueFacts {
            // The queue's own id is not in an envelope whose payload has an `id`: any other value must vanish.
            id: if text.starts_with('{') { "overwritten".to_owned() } else { text_of(&metadata["Id"]) },
            pop_receipt: text_of(&metadata["PopReceipt"]),
            dequeue_count: metadata["DequeueCount"].as_str().unwrap().parse().unwrap(),
            inserted: time_of(&metadata["InsertionTime"]),
            expires: time_of(&metadata["ExpirationTime"]),
            next_visible: time_of(&metadata["NextVisibleTime"]),
        };
        let body = queue("event", &text, &facts, &sys_of(&recorded.value));
        assert_eq!(body, recorded.body, "{name}");
        assert_eq!(chunks(&body).iter().map(String::len).collect::<Vec<_>>(), recorded.chunks, "{name}");
    }
}

#[test]
fn timer_envelopes_are_the_recorded_bytes() {
    for name in ["timer", "timer-run-on-startup"] {
        let recorded = recording(name);
        let next = &recorded.value["Data"]["timer"]["ScheduleStatus"]["Next"];
        let status = next.is_string().then(|| ScheduleStatus { last: None, next: time_of(next) });
        assert_eq!(timer("timer", status.as_ref(), false, &sys_of(&recorded.value)), recorded.body, "{name}");
    }
}

#[test]
fn our_own_message_leaks_too_and_trigger_keys_vanish() {
    let at = datetime!(2026-11-25 03:00 UTC);
    let facts = QueueFacts {
        id: "i".to_owned(),
        pop_receipt: "p".to_owned(),
        dequeue_count: 1,
        inserted: at,
        expires: at,
        next_visible: at,
    };
    let sys = Sys { function: "f".to_owned(), now: at, rand_guid: "g".to_owned() };
    let text = r#"{"container":"am-x","offset":123,"flag":true,"none":null,"list":[1],"myTrigger":"t","data":{"at":"2026-01-02T03:04:05.500Z"}}"#;
    let body: Value = serde_json::from_str(&queue("event", text, &facts, &sys)).unwrap();
    let metadata = body["Metadata"].as_object().unwrap();
    assert_eq!(metadata["container"], r#""am-x""#);
    assert_eq!(metadata["offset"], r#""123""#);
    assert_eq!(metadata["flag"], r#""True""#);
    assert_eq!(metadata["data"]["at"], "2026-01-02T03:04:05.5Z");
    assert!(["none", "list", "myTrigger"].iter().all(|key| !metadata.contains_key(*key)));
    assert_eq!(text_of(&body["Data"]["event"]), text);
}

#[test]
fn guids_are_version_4_and_differ() {
    let (one, two) = (guid(), guid());
    assert_ne!(one, two);
    assert_eq!(one.len(), 36);
    assert_eq!(&one[14..15], "4");
    assert!(["8", "9", "a", "b"].contains(&&one[19..20]));
}
