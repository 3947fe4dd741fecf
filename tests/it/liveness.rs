//! The handler stays answerable and alive, whatever its visits meet.

use std::process::Stdio;
use std::time::Duration;

use rig::axiom::Fault;
use rig::host::Host;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdout, Command};

use crate::support::invocation::{BLOB_TRIGGER, SWEEP, envelope, invoke, queue_envelope, small_message};
use crate::support::{TABLE, World, binary, blob_name, row, rows, until};

/// Longer than any test: what is held up so long is let go by an outage, which breaks its connection.
const FOR_EVER: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn get_and_post_are_answered_while_all_visits_are_held_up() {
    let mut world = World::new().await;
    world.set("VISITS", "2");
    for minute in 0..5 {
        world.put(&blob_name(minute), (row(minute.into()) + "\n").as_bytes()).await;
    }
    world.axiom.faults().always(Some(Fault::SlowBefore(FOR_EVER)));
    let host = world.host().await;
    let post = |minute| invoke_owned(&host, small_message(&blob_name(minute)));
    let held_up = futures::future::join_all((0..4).map(post));
    let meanwhile = async {
        until("as many visits as may be have reached Axiom", || async { claimed(&world).await == 2 }).await;
        let stats = host.stats();
        assert_eq!((stats.in_flight, stats.succeeded, stats.failed), (4, 0, 0));
        // The process answers what needs no visit.
        for _ in 0..20 {
            let answer = reqwest::get(format!("http://127.0.0.1:{}/", host.port())).await.unwrap();
            let status: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
            assert_eq!(status["status"], "ok");
        }
        let (status, answer) = invoke(&host, BLOB_TRIGGER, &queue_envelope("no blob")).await;
        assert!(status == 200 && answer["Logs"].to_string().contains("is not JSON"), "{answer}");
        assert_eq!(invoke(&host, "function-nosuch", "{}").await.0, 404);
        let (status, answer) = invoke(&host, SWEEP, "{}").await;
        assert!(status == 200 && answer["Logs"].to_string().contains("messages added"), "{answer}");
        // All that while nothing has moved: the visits are still held up, and no third one has begun.
        let stats = host.stats();
        assert!(stats.in_flight >= 4 && world.delivered(TABLE).is_empty() && claimed(&world).await == 2, "{stats:?}");
        world.axiom.faults().clear();
        world.axiom.outage(true).await.unwrap();
        world.axiom.outage(false).await.unwrap();
    };
    let (answers, ()) = tokio::join!(held_up, meanwhile);
    assert!(answers.iter().all(|(status, _)| *status == 200), "{answers:?}");
    until("what the sweep found is delivered too", || async { world.delivered(TABLE).len() == 5 }).await;
    let stats = host.stop().await;
    assert_eq!((stats.violations, stats.crashes, stats.error_lines), (vec![], 0, 0));
    assert!(stats.pings > 0);
}

async fn invoke_owned(host: &Host, message: Value) -> (u16, Value) {
    invoke(host, BLOB_TRIGGER, &envelope(&message)).await
}

/// How many blobs a visit has claimed.
async fn claimed(world: &World) -> usize {
    let mut claimed = 0;
    for minute in 0..5 {
        let properties = world.properties(&blob_name(minute)).await;
        claimed += usize::from(properties.is_some_and(|blob| blob.metadata.contains_key("axiom_claim")));
    }
    claimed
}

/// Nobody waits any more: the visit ends at its next commit, gives its claim up, and the next one goes on where it was.
#[tokio::test]
async fn a_closed_connection_ends_the_visit_and_not_the_process() {
    let mut world = World::new().await;
    world.set("BATCH_ROWS", "1").set("UPLOADS", "1");
    let (name, text) = (blob_name(0), rows(0..2000));
    world.put(&name, text.as_bytes()).await;
    world.axiom.faults().always(Some(Fault::SlowBefore(Duration::from_millis(20))));
    let host = world.host().await;
    let mut connection = TcpStream::connect(("127.0.0.1", host.port())).await.unwrap();
    let body = envelope(&small_message(&name));
    let request = format!("POST /{BLOB_TRIGGER} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    connection.write_all(request.as_bytes()).await.unwrap();
    until("the visit is at work", || async { world.delivered(TABLE).len() >= 3 }).await;
    drop(connection);
    until("the claim is given up", || async {
        world.properties(&name).await.is_some_and(|blob| !blob.metadata.contains_key("axiom_claim"))
    })
    .await;
    let (blob, delivered) = (world.properties(&name).await.unwrap(), world.delivered(TABLE));
    assert!((3..2000).contains(&delivered.len()), "{} rows", delivered.len());
    let shipped = rows(0..delivered.len() as u64).len().to_string();
    assert_eq!(blob.metadata.get("axiom_shipped"), Some(&shipped), "all that Axiom has is committed");

    world.axiom.faults().clear();
    assert_eq!(invoke(&host, BLOB_TRIGGER, &body).await.0, 200);
    assert_eq!(world.delivered(TABLE).join("\n") + "\n", text, "each row once, in order");
    assert_eq!(host.stop().await.crashes, 0);
}

/// Broken requests of any kind cost their own connection at most.
#[tokio::test]
async fn garbage_on_the_wire_ends_nothing() {
    let world = World::new().await;
    let host = world.host().await;
    for garbage in [
        &b""[..],
        b"\0\xff\xfe garbage \r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /function-sweep HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
        b"POST /function-sweep HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /function-sweep HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /function-blob-trigger HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"Dat",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let mut connection = TcpStream::connect(("127.0.0.1", host.port())).await.unwrap();
        connection.write_all(garbage).await.unwrap();
        drop(connection);
    }
    let deep = format!("{}1{}", r#"{"Data":"#.repeat(50_000), "}".repeat(50_000));
    assert_eq!(invoke(&host, BLOB_TRIGGER, &deep).await.0, 400);
    let deep = json!({"Data": {"event": "[".repeat(1_000_000)}}).to_string();
    assert_eq!(invoke(&host, BLOB_TRIGGER, &deep).await.0, 200);
    let many = json!({"Data": {"event": vec![small_message(&blob_name(9)); 2000]}}).to_string();
    assert_eq!(invoke(&host, BLOB_TRIGGER, &many).await.0, 200);
    assert_eq!(invoke(&host, SWEEP, "{}").await.0, 200);
    let stats = host.stop().await;
    assert_eq!((stats.violations, stats.crashes, stats.starts, stats.error_lines), (vec![], 0, 1, 0));
}

/// A host that stops in the middle of a call neither kills nor signals its handler: an orphan that lived on would hold the port.
#[tokio::test]
async fn the_handler_ends_when_its_parent_is_gone() {
    let (mut parent, mut lines, address, call) = in_the_middle_of_a_call().await;
    parent.kill().await.unwrap();
    let mut said = String::new();
    // Its output ends with it.
    while let Some(line) = tokio::time::timeout(Duration::from_secs(60), lines.next_line()).await.unwrap().unwrap() {
        said += &line;
    }
    assert!(said.contains("the host is gone"), "{said}");
    assert!(TcpStream::connect(&address).await.is_err(), "the port is free");
    assert!(!succeeded(call).await, "what was held up is not done");
}

/// The pipes that the handler logs to end with the host, so that each of its last words fails.
#[tokio::test]
async fn the_handler_ends_also_when_nobody_reads_its_log_any_more() {
    let (mut parent, lines, address, call) = in_the_middle_of_a_call().await;
    drop((lines, parent.stderr.take()));
    // It logs while it serves, and still it serves.
    for _ in 0..3 {
        let answer = reqwest::Client::new().post(format!("http://{address}/{BLOB_TRIGGER}")).body("no envelope").send();
        assert_eq!(answer.await.unwrap().status(), 400);
    }
    parent.kill().await.unwrap();
    until("the port is free", || async { TcpStream::connect(&address).await.is_err() }).await;
    assert!(!succeeded(call).await, "what was held up is not done");
}

type Call = tokio::task::JoinHandle<reqwest::Result<reqwest::Response>>;

async fn succeeded(call: Call) -> bool {
    call.await.expect("the call ends").is_ok_and(|answer| answer.status().is_success())
}

/// A handler whose parent can be killed, a reader of its output, its address, and a call that is held up.
async fn in_the_middle_of_a_call() -> (Child, Lines<BufReader<ChildStdout>>, String, Call) {
    let mut world = World::new().await;
    world.put(&blob_name(0), rows(0..1).as_bytes()).await;
    world.axiom.faults().always(Some(Fault::SlowBefore(FOR_EVER)));
    world.set("LOG_LEVEL", "info");
    let mut parent = Command::new("sh")
        .args(["-c", "\"$0\" serve --port 0 & wait", binary()])
        .env_clear()
        .envs(world.settings())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(parent.stdout.take().unwrap()).lines();
    let serving: Value = serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap();
    let address = serving["address"].as_str().unwrap_or_else(|| panic!("{serving}")).to_owned();
    let body = envelope(&small_message(&blob_name(0)));
    let call = tokio::spawn(reqwest::Client::new().post(format!("http://{address}/{BLOB_TRIGGER}")).body(body).send());
    until("the visit is held up", || async { claimed(&world).await == 1 }).await;
    (parent, lines, address, call)
}
