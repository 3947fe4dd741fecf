//! Tests of what wakes us: the recordings of a real host, every encoding, hostile events, and mutations of all of these.

use super::*;
use serde_json::{Value, json};

const NAME: &str = "WorkspaceResourceId=/subscriptions/00000000-0000-0000-0000-000000000001/resourcegroups/rg/providers/\
                    microsoft.operationalinsights/workspaces/ws/y=2026/m=01/d=02/h=03/m=05/PT05M.json";
const ACCOUNT: &str = "https://acct.blob.core.windows.net";
const TOPIC: &str = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/acct";

fn account() -> Url {
    Url::parse(ACCOUNT).expect("a URL")
}

fn blob() -> ExportBlob {
    ExportBlob::parse("am-signinlogs", NAME).expect("an export blob")
}

fn url() -> String {
    format!("{ACCOUNT}/am-signinlogs/{}", NAME.replace('=', "%3D"))
}

fn event_grid(url: &str) -> Value {
    json!({"topic": TOPIC, "subject": format!("/blobServices/default/containers/am-signinlogs/blobs/{NAME}"), "eventType": "Microsoft.Storage.BlobCreated",
           "id": "1", "data": {"api": "PutBlob", "contentLength": 0, "blobType": "AppendBlob", "url": url}, "dataVersion": "", "metadataVersion": "1"})
}

fn cloud_event(url: &str) -> Value {
    json!({"specversion": "1.0", "type": "Microsoft.Storage.BlobCreated", "source": TOPIC, "id": "1", "data": {"url": url}})
}

fn own_message(container: &str, blob: &str) -> Value {
    json!({"container": container, "blob": blob, "offset": 7})
}

/// The body in which the host would send this value of the binding.
fn envelope(value: &Value) -> Vec<u8> {
    json!({"Data": {"event": value}, "Metadata": {"DequeueCount": "1"}}).to_string().into_bytes()
}

fn parse(body: &[u8]) -> BlobWake {
    match Wake::parse(BLOB_TRIGGER, body, &account()).expect("it makes sense") {
        Wake::Blobs(wake) => wake,
        _ => panic!("is a message"),
    }
}

fn reasons(wake: &BlobWake) -> Vec<Reject> {
    wake.ignored.iter().map(|ignored| ignored.why).collect()
}

/// A recorded request: the function's name from its request line, and its body.
fn recording(text: &str) -> (String, String) {
    let recording: Value = serde_json::from_str(text).expect("a recording is JSON");
    let line = recording["request"][0].as_str().expect("a text");
    let function = line.split([' ', '/', '?']).find(|part| part.starts_with("function-")).unwrap_or_default();
    (function.to_owned(), recording["body"].as_str().expect("a text").to_owned())
}

macro_rules! recordings {
    ($($name:literal),*) => { [$(($name, include_str!(concat!("../../tests/fixtures/functions-host/", $name, ".json")))),*] };
}

const RECORDINGS: [(&str, &str); 11] = recordings![
    "queue-eventgrid-object",
    "queue-eventgrid-array",
    "queue-cloudevent",
    "queue-number",
    "queue-text",
    "queue-redelivered",
    "timer",
    "timer-run-on-startup",
    "http",
    "http-forwarded",
    "probe"
];

fn recorded(name: &str) -> (String, String) {
    let (_, text) = RECORDINGS.iter().find(|(recorded, _)| *recorded == name).expect("a recording");
    recording(text)
}

#[test]
fn recordings_as_they_are() {
    let check = |name, count, expected: Reject| {
        let (function, body) = recorded(name);
        assert_eq!(function, BLOB_TRIGGER);
        let wake = parse(body.as_bytes());
        assert_eq!((wake.dequeue_count, reasons(&wake)), (Some(count), vec![expected]), "{name}");
        assert_eq!(wake.hints, []);
    };
    check("queue-eventgrid-object", 1, Reject::Container);
    check("queue-eventgrid-array", 1, Reject::Container);
    check("queue-cloudevent", 1, Reject::Container);
    check("queue-number", 1, Reject::NotAnEvent);
    check("queue-text", 1, Reject::NotJson);
    check("queue-redelivered", 2, Reject::NotJson);
    for name in ["timer", "timer-run-on-startup"] {
        let (function, body) = recorded(name);
        assert_eq!(Wake::parse(&function, body.as_bytes(), &account()).expect("it makes sense"), Wake::Sweep);
    }
    for name in ["http", "http-forwarded", "probe"] {
        let (function, body) = recorded(name);
        let error = Wake::parse(&function, body.as_bytes(), &account()).unwrap_err();
        assert!(matches!(error, WakeError::UnknownFunction(_)), "{name}: {error}");
    }
}

#[test]
fn recordings_with_an_exported_blob() {
    for (name, recorded_url) in [
        ("queue-eventgrid-object", "https://acct.blob.core.windows.net/in/dir/a%20b.pdf"),
        ("queue-eventgrid-array", "https://acct.blob.core.windows.net/in/dir/a%20b.pdf"),
        ("queue-cloudevent", "https://acct.blob.core.windows.net/in/x.pdf"),
    ] {
        let (_, body) = recorded(name);
        let wake = parse(body.replace(recorded_url, &url()).as_bytes());
        assert_eq!(wake.hints, [Hint { blob: blob(), offset: 0 }], "{name}");
        assert_eq!(wake.ignored, []);
    }
}

#[test]
fn every_encoding_of_every_shape() {
    let event = |value: Value, offset| (value, vec![Hint { blob: blob(), offset }]);
    let mut subject_only = event_grid("");
    subject_only["data"] = json!({"api": "PutBlob"});
    let mut plain_url = event_grid(&format!("{ACCOUNT}/am-signinlogs/{NAME}"));
    plain_url["subject"] = json!("says nothing");
    let several = json!([event_grid(&url()), cloud_event(&url()), own_message("am-signinlogs", NAME)]);
    let offsets = [0, 0, 7].map(|offset| Hint { blob: blob(), offset });
    let shapes = [
        event(event_grid(&url()), 0),
        event(json!([event_grid(&url())]), 0),
        event(cloud_event(&url()), 0),
        event(subject_only, 0),
        event(plain_url, 0),
        event(own_message("am-signinlogs", NAME), 7),
        event(json!({"container": "am-signinlogs", "blob": NAME}), 0),
        (several, offsets.to_vec()),
    ];
    for (value, hints) in shapes {
        let text = Value::String(value.to_string());
        let literal = Value::String(text.to_string());
        let base64 =
            |value: &Value| Value::String(base64::Engine::encode(&base64::prelude::BASE64_STANDARD, value.to_string()));
        let in_literal = Value::String(base64(&value).to_string());
        for encoded in [&value, &text, &literal, &base64(&value), &base64(&text), &in_literal] {
            assert_eq!(parse(&envelope(encoded)).hints, hints, "{encoded}");
        }
    }
}

#[test]
fn any_binding_and_any_count() {
    let body = json!({"Data": {"msg": event_grid(&url()), "other": cloud_event(&url()), "n": null}, "Metadata": {"DequeueCount": 3}});
    let wake = parse(body.to_string().as_bytes());
    assert_eq!((wake.hints.len(), wake.dequeue_count, reasons(&wake)), (2, Some(3), vec![Reject::NotAnEvent]));
    let wake = parse(br#"{"Data":{}}"#);
    assert_eq!(wake, BlobWake::default());
}

#[test]
fn a_bad_event_does_not_hide_a_good_one() {
    let wake = parse(&envelope(&json!([event_grid("https://evil/am-x/y"), 5, event_grid(&url()), "text"])));
    assert_eq!(wake.hints, [Hint { blob: blob(), offset: 0 }]);
    assert_eq!(reasons(&wake), [Reject::NotAnEvent, Reject::NotJson, Reject::OtherAccount]);
}

#[test]
fn hostile_addresses() {
    let check = |url: &str, expected| {
        for event in [event_grid(url), cloud_event(url)] {
            let wake = parse(&envelope(&event));
            assert_eq!((wake.hints.as_slice(), reasons(&wake)), ([].as_slice(), vec![expected]), "{url}");
        }
    };
    // Another account, scheme or port, and ways to hide that.
    check(&url().replace("acct", "evil"), Reject::OtherAccount);
    check(&url().replace("https:", "http:"), Reject::OtherAccount);
    check(&url().replace("https:", "file:"), Reject::OtherAccount);
    check(&url().replace(".net/", ".net:444/"), Reject::OtherAccount);
    check(&url().replace(".net/", ".net.evil.com/"), Reject::OtherAccount);
    check(&url().replace(".net/", ".net@evil.com/"), Reject::OtherAccount);
    check(&url().replace(".net/", ".net:x@evil.com/"), Reject::OtherAccount);
    check(&url().replace(".net/", ".net\\@evil.com/"), Reject::OtherAccount);
    check(&url().replace("acct", "user@acct"), Reject::OtherAccount);
    check(&url().replace("acct", "acct\u{0301}"), Reject::OtherAccount);
    check(&url().replace("acct", "аcct"), Reject::OtherAccount);
    check(&url().replace("https://", "https:\\\\"), Reject::OtherAccount);
    check(&url().replace("https://", " https://"), Reject::OtherAccount);
    check(&url().replace(".blob.", ".queue."), Reject::OtherAccount);
    check("http://169.254.169.254/metadata/identity/oauth2/token", Reject::OtherAccount);
    check("", Reject::OtherAccount);
    // Another container, and ways out of one.
    check(&url().replace("am-signinlogs", "refused"), Reject::Container);
    check(&url().replace("am-signinlogs", "am-SigninLogs"), Reject::Container);
    check(&url().replace("am-signinlogs", "am-signinlogs%2F..%2Fx"), Reject::Container);
    check(&url().replace("am-signinlogs", "am%2Dsigninlogs"), Reject::Container);
    check(&url().replace("/am-signinlogs", "//am-signinlogs"), Reject::Container);
    check(&url().replace("/am-signinlogs", "/../am-signinlogs"), Reject::Container);
    check(&url().replace("am-signinlogs", &format!("am-{}", "x".repeat(61))), Reject::Container);
    check(&format!("{ACCOUNT}/am-signinlogs"), Reject::NoBlob);
    // Another blob.
    check(&url().replace("/rg/", "/../"), Reject::Name);
    check(&url().replace("/rg/", "/%2e%2e/"), Reject::Name);
    check(&url().replace("/rg/", "/%252e%252e/"), Reject::Name);
    check(&url().replace("/rg/", "//"), Reject::Name);
    check(&url().replace("/rg/", "/r%2Fg/"), Reject::Name);
    check(&url().replace("/rg/", "/r%5Cg/"), Reject::Name);
    check(&url().replace("/rg/", "/r%00g/"), Reject::Name);
    check(&url().replace("/rg/", "/r%0D%0Ag/"), Reject::Name);
    check(&url().replace("/rg/", "/r%E2%80%AEg/"), Reject::Name);
    check(&url().replace("PT05M.json", "PT05M.json/"), Reject::Name);
    check(&url().replace("PT05M.json", "PT1H.json"), Reject::Name);
    check(&url().replace("m%3D01", "m%3D99"), Reject::Name);
    check(&format!("{ACCOUNT}/am-signinlogs/{}", "x/".repeat(5000)), Reject::Name);
    check(&format!("{ACCOUNT}/am-signinlogs/"), Reject::Name);
    // Not an address.
    check(&url().replace("/rg/", "/r\\g/"), Reject::Address);
    check(&url().replace("/rg/", "/r\ng/"), Reject::Address);
    check(&url().replace("/rg/", "/r%g/"), Reject::Address);
    check(&url().replace("/rg/", "/r%FFg/"), Reject::Address);
    check(&format!("{}?sv=1&sig=s3cr3t", url()), Reject::Address);
    check(&format!("{}#x", url()), Reject::Address);
    check(&format!("{}%", url()), Reject::Address);
}

#[test]
fn hostile_events() {
    let check = |value: Value, expected| {
        let wake = parse(&envelope(&value));
        assert_eq!((wake.hints.as_slice(), reasons(&wake)), ([].as_slice(), vec![expected]), "{value}");
    };
    let with = |key: &str, value: Value| {
        let mut event = event_grid(&url());
        event[key] = value;
        event
    };
    let subject = |subject: &str, topic: &str| json!({"eventType": "Microsoft.Storage.BlobCreated", "subject": subject, "topic": topic, "data": {}});
    check(with("eventType", json!("Microsoft.Storage.BlobDeleted")), Reject::OtherEvent);
    check(with("eventType", json!("Microsoft.EventGrid.SubscriptionValidationEvent")), Reject::Validation);
    check(json!({"eventType": "Microsoft.Storage.BlobCreated"}), Reject::NoBlob);
    check(json!({"eventType": "Microsoft.Storage.BlobCreated", "data": {"url": 5}}), Reject::NoBlob);
    check(json!({"type": "Microsoft.Storage.BlobCreated", "data": {"url": url()}}), Reject::NotAnEvent);
    check(with("eventType", json!(5)), Reject::NotAnEvent);
    check(json!({}), Reject::NotAnEvent);
    check(json!(true), Reject::NotAnEvent);
    check(Value::Null, Reject::NotAnEvent);
    check(json!("{\"eventType\":"), Reject::NotJson);
    check(json!("eyJldmVudFR5cGUi"), Reject::NotJson);
    check(json!([[[[[[[[]]]]]]]]), Reject::TooDeep);
    check(subject("/blobServices/default/containers/refused/blobs/x", TOPIC), Reject::Container);
    check(subject(&format!("/blobServices/default/containers/am-x/blobs/../{NAME}"), TOPIC), Reject::Name);
    check(subject("/blobServices/other", TOPIC), Reject::NoBlob);
    let good = format!("/blobServices/default/containers/am-signinlogs/blobs/{NAME}");
    check(subject(&good, &format!("{TOPIC}2")), Reject::OtherAccount);
    check(json!({"eventType": "Microsoft.Storage.BlobCreated", "subject": good}), Reject::OtherAccount);
    check(own_message("refused", NAME), Reject::Container);
    check(own_message("am-x", "../secret"), Reject::Name);
    check(own_message("am-x/..", NAME), Reject::Container);
    check(own_message("am-x", &format!("{NAME}?sig=s3cr3t")), Reject::Name);
    check(json!({"container": "am-x", "blob": NAME, "offset": -1}), Reject::NotAnEvent);
    check(json!({"container": "am-x", "blob": NAME, "offset": "1"}), Reject::NotAnEvent);
}

#[test]
fn the_emulator_has_its_account_in_the_path() {
    let emulator = Url::parse("http://127.0.0.1:10000/devstoreaccount1").expect("a URL");
    let hints =
        |url: &str| match Wake::parse(BLOB_TRIGGER, &envelope(&event_grid(url)), &emulator).expect("it makes sense") {
            Wake::Blobs(wake) => wake.hints.len(),
            _ => panic!("is a message"),
        };
    assert_eq!(hints(&url().replace(ACCOUNT, "http://127.0.0.1:10000/devstoreaccount1")), 1);
    assert_eq!(hints(&url().replace(ACCOUNT, "http://127.0.0.1:10000/devstoreaccount2")), 0);
    assert_eq!(hints(&url().replace(ACCOUNT, "http://127.0.0.1:10000")), 0);
    assert_eq!(hints(&url()), 0);
}

#[test]
fn what_is_ignored_is_shown_short_and_printable() {
    let shown = |url: &str| parse(&envelope(&event_grid(url))).ignored[0].what.clone();
    assert_eq!(shown("https://x/a\r\n\u{1b}[31mb?sig=s3cr3t"), "https://x/a\u{fffd}\u{fffd}\u{fffd}[31mb");
    assert_eq!(shown(&"é".repeat(500)), "é".repeat(120));
    assert_eq!(parse(&envelope(&json!({"eventType": "a.b"}))).ignored[0].what, "a.b");
    assert_eq!(parse(&envelope(&json!({}))).ignored[0].what, "object");
}

#[test]
fn broken_invocations_are_errors() {
    for body in [
        "",
        "null",
        "[]",
        "{",
        "{}",
        r#"{"Data":null}"#,
        r#"{"Data":[]}"#,
        r#"{"Data":"x"}"#,
        "\u{0}",
        "{\"Data\":{}} x",
    ] {
        let error = Wake::parse(BLOB_TRIGGER, body.as_bytes(), &account()).unwrap_err();
        assert!(matches!(error, WakeError::Envelope(_)), "{body}");
    }
    let error = Wake::parse("function-x\n", b"{}", &account()).unwrap_err();
    assert!(error.to_string().starts_with("find the function \"function-x\u{fffd}\""), "{error}");
}

#[test]
fn the_own_message_comes_back_as_it_went() {
    let message = SmallMessage::new(&blob(), 123);
    assert_eq!(message.to_json(), format!(r#"{{"container":"am-signinlogs","blob":"{NAME}","offset":123}}"#));
    assert_eq!(message.to_hint(), Ok(Hint { blob: blob(), offset: 123 }));
    let wake = parse(&envelope(&Value::String(Value::String(message.to_json()).to_string())));
    assert_eq!(wake.hints, [Hint { blob: blob(), offset: 123 }]);
}

/// Changes, cuts and doubles bytes of good bodies. Whatever comes out must not panic, and every hint must be one that the check lets through.
#[test]
fn mutations_never_panic_and_never_smuggle() {
    let mut bodies: Vec<Vec<u8>> = RECORDINGS.iter().map(|(_, text)| recording(text).1.into_bytes()).collect();
    let messages = [event_grid(&url()), cloud_event(&url()), own_message("am-signinlogs", NAME)];
    bodies.extend(messages.iter().map(|message| envelope(&Value::String(message.to_string()))));
    bodies.extend(messages.iter().map(envelope));
    let seed = 0x5eed_0001;
    println!("seed {seed:#x}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut followed = 0;
    for _ in 0..20_000 {
        let mut body = bodies[rng.usize(..bodies.len())].clone();
        for _ in 0..rng.usize(..4) {
            mutate(&mut body, &mut rng);
        }
        let Ok(Wake::Blobs(wake)) = Wake::parse(BLOB_TRIGGER, &body, &account()) else { continue };
        for Hint { blob, .. } in &wake.hints {
            assert_eq!(ExportBlob::parse(blob.container(), blob.name()).as_ref(), Ok(blob));
            assert!(blob.to_string().split('/').all(|segment| !["", ".", ".."].contains(&segment)), "{blob}");
            followed += 1;
        }
        assert!(wake.ignored.iter().all(|ignored| ignored.what.chars().count() <= 120 && !ignored.what.contains('\n')));
    }
    assert!(followed > 1000, "the mutations leave too little intact to mean anything: {followed}");
}

fn mutate(body: &mut Vec<u8>, rng: &mut fastrand::Rng) {
    const SPICE: [&str; 10] = ["/", "..", "%2f", "%", "\"", "\\", "{", "[", "\u{202e}", "am-"];
    let at = rng.usize(..=body.len());
    match rng.u8(..4) {
        0 if at < body.len() => body[at] = rng.u8(..),
        1 => drop(body.splice(at..at, rng.choice(SPICE).unwrap_or_default().bytes())),
        2 => drop(body.drain(at..body.len().min(at + rng.usize(..20)))),
        _ => {
            let piece = body[at..body.len().min(at + rng.usize(..40))].to_vec();
            drop(body.splice(at..at, piece));
        }
    }
}
