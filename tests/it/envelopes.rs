//! Every encoding in which a message can reach the handler, with what it must do about it, driven to the end: the blobs are shipped and gone.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rig::axiom::{Fault, Options, Refusal, RetryAfter};
use rig::host::Host;
use serde_json::{Value, json};

use crate::support::invocation::{
    BLOB_TRIGGER, SWEEP, cloud_event, envelope, event_grid, invoke, queue_envelope, small_message,
};
use crate::support::{CONTAINER, QUEUE, TABLE, World, blob_name, row, rows, until};

/// A message that names blobs: what it is called, how many blobs it names, and its making.
type Shape = (&'static str, usize, fn(&World, &[String]) -> Value);

/// A way to send a message: what it is called, and the body of the invocation.
type Encoding = (&'static str, fn(&Value) -> String);

const SHAPES: [Shape; 6] = [
    ("an Event Grid event", 1, |world, names| event_grid(&world.blob_url(CONTAINER, &names[0]))),
    ("a CloudEvents event", 1, |world, names| cloud_event(&world.blob_url(CONTAINER, &names[0]))),
    ("our own message", 1, |_, names| small_message(&names[0])),
    ("an address that is not percent-encoded", 1, |world, names| {
        event_grid(&world.blob_url(CONTAINER, &names[0]).replace("%3D", "="))
    }),
    ("an array of three events", 3, |world, names| {
        names.iter().map(|name| event_grid(&world.blob_url(CONTAINER, name))).collect()
    }),
    ("an array of all three kinds", 3, |world, names| {
        json!([
            cloud_event(&world.blob_url(CONTAINER, &names[0])),
            small_message(&names[1]),
            event_grid(&world.blob_url(CONTAINER, &names[2])),
        ])
    }),
];

const ENCODINGS: [Encoding; 6] = [
    ("as a value (eventGridTrigger)", envelope),
    ("as a string of JSON (cardinality many)", |message| envelope(&json!(message.to_string()))),
    ("as a literal in a string (queueTrigger)", |message| queue_envelope(&message.to_string())),
    ("as base64 (dataType binary)", |message| envelope(&json!(BASE64_STANDARD.encode(message.to_string())))),
    ("as base64 in a literal", |message| queue_envelope(&BASE64_STANDARD.encode(message.to_string()))),
    ("under another binding, beside others", |message| {
        json!({"Data": {"msg": message, "other": null}, "Metadata": {"data": {"url": "leaked"}}}).to_string()
    }),
];

/// Puts blobs with one row each, which has the number that is counted on.
async fn put_blobs(world: &World, count: usize, number: &mut u64) -> (Vec<String>, Vec<String>) {
    let (mut names, mut expected) = (Vec::new(), Vec::new());
    for _ in 0..count {
        *number += 1;
        let name = blob_name(u8::try_from(*number % 60).unwrap()).replace("h=10", &format!("h={:02}", *number / 60));
        world.put(&name, format!("{}\n", row(*number)).as_bytes()).await;
        names.push(name);
        expected.push(row(*number));
    }
    (names, expected)
}

/// Each blob that was named is delivered, and gone.
async fn assert_shipped(world: &World, what: &str, names: &[String], expected: &[String]) {
    let delivered = world.delivered(TABLE);
    for row in expected {
        assert_eq!(delivered.iter().filter(|delivered| *delivered == row).count(), 1, "{what}: {row}");
    }
    for name in names {
        assert!(world.properties(name).await.is_none(), "{what}: {name} is left");
    }
}

#[tokio::test]
async fn every_encoding_of_every_message_ships_all_that_it_names() {
    // Both framings: chunks, and the length that `func start` sends.
    for use_content_length in [false, true] {
        let world = World::new().await;
        let host = world.host_with(|options| options.use_content_length = use_content_length).await;
        let mut number = 0;
        for (shape, count, message) in SHAPES {
            for (encoding, body) in ENCODINGS {
                let what = format!("{shape} {encoding}");
                let (names, expected) = put_blobs(&world, count, &mut number).await;
                let (status, answer) = invoke(&host, BLOB_TRIGGER, &body(&message(&world, &names))).await;
                assert_eq!(status, 200, "{what}: {answer}");
                let logs = answer["Logs"].to_string();
                assert!(names.iter().all(|name| logs.contains(name.as_str())), "{what}: {logs}");
                assert_shipped(&world, &what, &names, &expected).await;
            }
        }
        assert_eq!(world.delivered(TABLE).len() as u64, number, "nothing twice");
        assert_well_behaved(host).await;
    }
}

/// The recorded requests of the real host, their blob replaced by one of ours.
#[tokio::test]
async fn the_real_hosts_requests_ship_what_they_name() {
    let world = World::new().await;
    let host = world.host().await;
    let mut number = 0;
    for (recording, recorded_url) in [
        ("queue-eventgrid-object", "https://acct.blob.core.windows.net/in/dir/a%20b.pdf"),
        ("queue-eventgrid-array", "https://acct.blob.core.windows.net/in/dir/a%20b.pdf"),
        ("queue-cloudevent", "https://acct.blob.core.windows.net/in/x.pdf"),
    ] {
        let (names, expected) = put_blobs(&world, 1, &mut number).await;
        let recorded = recorded_body(recording);
        let body = recorded.replace(recorded_url, &world.blob_url(CONTAINER, &names[0]));
        assert_ne!(body, recorded);
        assert_eq!(invoke(&host, BLOB_TRIGGER, &body).await.0, 200);
        assert_shipped(&world, recording, &names, &expected).await;
    }
    for recording in ["timer", "timer-run-on-startup"] {
        let (status, answer) = invoke(&host, SWEEP, &recorded_body(recording)).await;
        assert!(status == 200 && answer["Logs"][0].as_str().is_some_and(|said| !said.is_empty()), "{answer}");
    }
    assert_well_behaved(host).await;
}

/// Messages that name nothing that can be shipped: the answer is a success, since coming again would not help, and says why.
#[tokio::test]
async fn a_message_without_a_blob_is_answered_and_not_wanted_again() {
    let world = World::new().await;
    let host = world.host().await;
    let gone = world.blob_url(CONTAINER, &blob_name(59));
    let other = |kind: &str| {
        let mut event = event_grid(&gone);
        event["eventType"] = json!(kind);
        event.to_string()
    };
    for (message, words) in [
        (event_grid(&gone).to_string(), "gone"),
        (cloud_event(&gone).to_string(), "gone"),
        (small_message(&blob_name(59)).to_string(), "gone"),
        (event_grid(&gone.replace(CONTAINER, "am-nosuchtable")).to_string(), "gone"),
        (other("Microsoft.Storage.BlobDeleted"), "not an event of a created blob"),
        (other("Microsoft.EventGrid.SubscriptionValidationEvent"), "validates a subscription"),
        ("a plain string message".to_owned(), "is not JSON"),
        (String::new(), "is not JSON"),
        ("42".to_owned(), "neither a storage event"),
        ("null".to_owned(), "neither a storage event"),
        ("{}".to_owned(), "neither a storage event"),
        (r#"{"eventType":"#.to_owned(), "is not JSON"),
        ("[[[[[[[[]]]]]]]]".to_owned(), "nested too deeply"),
        ("[".repeat(60_000), "is not JSON"),
        ("ÿ\u{0}\u{202e}\"\\".to_owned(), "is not JSON"),
    ] {
        let (status, answer) = invoke(&host, BLOB_TRIGGER, &queue_envelope(&message)).await;
        let logs = answer["Logs"].to_string();
        assert!(status == 200 && logs.contains(words), "{message:.200} gives {status} {answer}");
        assert!(logs.len() < 1000, "what is foreign is not repeated at length: {logs}");
    }
    for recording in ["queue-text", "queue-number", "queue-redelivered", "queue-eventgrid-object"] {
        let (status, answer) = invoke(&host, BLOB_TRIGGER, &recorded_body(recording)).await;
        let logs = answer["Logs"].to_string();
        assert!(status == 200 && logs.contains("not followed"), "{recording}: {logs}");
    }
    let (status, answer) = invoke(&host, BLOB_TRIGGER, r#"{"Data":{}}"#).await;
    assert_eq!((status, &answer["Logs"]), (200, &json!([])));
    assert!(world.axiom.requests().is_empty());
    assert_well_behaved(host).await;
}

/// What the host never sends is no message: a failure, so that somebody finds it in the poison queue. Still in JSON.
#[tokio::test]
async fn an_invocation_that_makes_no_sense_is_refused_in_json() {
    let world = World::new().await;
    let host = world.host().await;
    for body in ["", "null", "[]", "{", "{}", "text", r#"{"Data":null}"#, r#"{"Data":[]}"#, "{\"Data\":{}} x"] {
        let (status, answer) = invoke(&host, BLOB_TRIGGER, body).await;
        assert!(status == 400 && answer["error"].to_string().contains("invocation's body"), "{body}: {answer}");
    }
    for function in ["function-http", "function-blob-trigger2", "Function-Sweep", "..%2f..%2fetc", "%ff"] {
        let (status, answer) = invoke(&host, function, &recorded_body("http")).await;
        assert!((400..500).contains(&status) && answer["error"].is_string(), "{function}: {status} {answer}");
    }
    let (status, answer) = invoke(&host, BLOB_TRIGGER, &" ".repeat(129 << 20)).await;
    assert!(status == 413 && answer["error"].is_string(), "{answer}");
    // Neither does the host send these, but a redirect or an empty answer to anything could come to mean something.
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    for (method, path, expected) in [
        ("GET", "/", 200),
        ("GET", "/?x=1", 200),
        ("POST", "/", 405),
        ("GET", "/function-blob-trigger", 405),
        ("PUT", "/function-sweep", 405),
        ("POST", "/function-sweep/", 404),
        ("POST", "//function-sweep", 404),
        ("GET", "/admin/host/status", 404),
    ] {
        let url = format!("http://127.0.0.1:{}{path}", host.port());
        let answer = client.request(method.parse().unwrap(), url).send().await.unwrap();
        let content_type = answer.headers().get("content-type").and_then(|value| value.to_str().ok());
        assert_eq!((answer.status().as_u16(), content_type), (expected, Some("application/json")), "{method} {path}");
        let body: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        assert!(body.is_object(), "{method} {path}: {body}");
    }
    assert!(host.stop().await.violations.is_empty());
}

/// As in production: Event Grid's base64 on the real queue, taken off it by the host.
#[tokio::test]
async fn event_grids_own_messages_come_through_the_queue() {
    let world = World::new().await;
    let host = world.host().await;
    let mut number = 0;
    let (names, expected) = put_blobs(&world, 3, &mut number).await;
    let urls: Vec<_> = names.iter().map(|name| world.blob_url(CONTAINER, name)).collect();
    let messages = [event_grid(&urls[0]), cloud_event(&urls[1]), json!([event_grid(&urls[2]), event_grid(&urls[0])])];
    for message in &messages {
        world.writer.send(QUEUE, &message.to_string()).await.unwrap();
    }
    until("the queue is empty", || async { world.queue.length().await.unwrap() == 0 }).await;
    assert_shipped(&world, "queue", &names, &expected).await;
    let stats = host.stats();
    assert_eq!((stats.succeeded, stats.failed, stats.poisoned), (3, 0, 0));
    assert_well_behaved(host).await;
}

/// A failure that may pass is the one reason for the message to come again; then the rows are all there once.
#[tokio::test]
async fn only_a_failure_that_may_pass_brings_a_message_back() {
    let mut world =
        World::with(Options { keep_rows: true, datasets: vec![TABLE.to_owned()], ..Options::default() }).await;
    world.set("BATCH_ROWS", "2").set("UPLOADS", "1");
    let (name, text) = (blob_name(0), rows(0..6));
    world.put(&name, text.as_bytes()).await;
    // The second batch meets a limit that outlasts the visit; the first one is in.
    let busy = Refusal::new(429, "busy").retry_after(RetryAfter::Seconds(600)).reset_in(None);
    world.axiom.faults().script([Fault::Pass, busy.into()]);
    let body = queue_envelope(&event_grid(&world.blob_url(CONTAINER, &name)).to_string());
    let host = world.host().await;
    let (status, answer) = invoke(&host, BLOB_TRIGGER, &body).await;
    let error = answer["error"].as_str().unwrap();
    assert!(status == 503 && error.contains("2 rows delivered") && error.contains("busy"), "{answer}");
    let properties = world.properties(&name).await.expect("the blob stays");
    assert_eq!(properties.metadata.get("axiom_shipped"), Some(&rows(0..2).len().to_string()));
    assert_well_behaved(host).await;

    // A process that has not heard of the limit.
    let host = world.host().await;
    assert_eq!(invoke(&host, BLOB_TRIGGER, &body).await.0, 200);
    assert_eq!(world.delivered(TABLE).join("\n") + "\n", text, "each row once");
    assert!(world.properties(&name).await.is_none());
    assert_well_behaved(host).await;
}

async fn assert_well_behaved(host: Host) {
    let stats = host.stop().await;
    assert_eq!((stats.violations, stats.error_lines, stats.crashes), (vec![], 0, 0));
}

fn recorded_body(name: &str) -> String {
    let path = format!("{}/tests/fixtures/functions-host/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let recording: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    recording["body"].as_str().unwrap().to_owned()
}
