//! Events that somebody made who may write to the queue and to nothing else: the address in them is never followed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rig::host::Host;
use rig::writer::Kind;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;

use crate::support::invocation::{BLOB_TRIGGER, cloud_event, envelope, event_grid, invoke, queue_envelope};
use crate::support::{CONTAINER, QUEUE, TABLE, World, blob_name, rows, until};

/// A place that nobody has any business to connect to.
struct Trap {
    address: String,
    visitors: Arc<AtomicUsize>,
    _task: AbortOnDropHandle<()>,
}

impl Trap {
    async fn set() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let visitors = Arc::new(AtomicUsize::new(0));
        let seen = visitors.clone();
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                seen.fetch_add(1, Ordering::Relaxed);
                stream.write_all(b"x").await.ok();
            }
        });
        Self { address, visitors, _task: AbortOnDropHandle::new(task) }
    }

    /// How many came. A connection of our own, counted last, shows that the trap works.
    async fn visitors(&self) -> usize {
        TcpStream::connect(&self.address).await.unwrap().read_u8().await.unwrap();
        self.visitors.load(Ordering::Relaxed) - 1
    }
}

/// Addresses that must not be followed, each with a word of the reason that is logged.
fn addresses(world: &World, trap: &str) -> Vec<(String, &'static str)> {
    const OTHER: &str = "other than EXPORT_STORAGE";
    const CONTAINERS: &str = "not one of data export (am-...)";
    const NAMES: &str = "a blob that is not one of data export";
    const MALFORMED: &str = "malformed address";
    let name = blob_name(0);
    let endpoint = world.blobs.endpoint();
    let good = world.blob_url(CONTAINER, &name);
    let host = format!("{}:{}", endpoint.host_str().unwrap(), endpoint.port().unwrap());
    let account = endpoint.path().trim_matches('/').to_owned();
    let at = |authority: &str| good.replace(&host, authority);
    vec![
        // Another account, host, port or scheme, and ways to hide that.
        (at(trap), OTHER),
        (at(&format!("{host}@{trap}")), OTHER),
        (at(&format!("{host}:x@{trap}")), OTHER),
        (at(&format!("{host}%40{trap}")), OTHER),
        (at(&format!("{host}\\@{trap}")), OTHER),
        (at(&format!("{host}#@{trap}")), OTHER),
        (at(&format!("user:password@{host}")), OTHER),
        (at(&format!("{host}0")), OTHER),
        (at(&host.replace("127.0.0.1", "localhost")), OTHER),
        (at(&host.replace("127.0.0.1", "2130706433")), OTHER),
        (at(&host.replace("127.0.0.1", "[::ffff:127.0.0.1]")), OTHER),
        (format!("https://account.blob.core.windows.net@{trap}/{account}/{CONTAINER}/{name}"), OTHER),
        (format!("https://{account}.blob.core.windows.net/{CONTAINER}/{name}"), OTHER),
        (format!("//{trap}/{account}/{CONTAINER}/{name}"), OTHER),
        (good.replace("http:", "https:"), OTHER),
        (good.replace("http:", "file:"), OTHER),
        (good.replace("http:", "gopher:"), OTHER),
        (good.replace("http://", "http:\\\\"), OTHER),
        (good.replace(&account, "test199"), OTHER),
        (good.replace(&account, &format!("{account}/../test199")), CONTAINERS),
        (good.replace(&account, &format!("{account}%2F..%2Ftest199")), OTHER),
        (format!("http://169.254.169.254/metadata/identity/oauth2/token?resource={trap}"), OTHER),
        (trap.to_owned(), OTHER),
        (String::new(), OTHER),
        // Another container, and ways out of one.
        (good.replace(CONTAINER, "secret"), CONTAINERS),
        (good.replace(CONTAINER, "refused"), CONTAINERS),
        (good.replace(CONTAINER, "$logs"), CONTAINERS),
        (good.replace(CONTAINER, "AM-securityevent"), CONTAINERS),
        (good.replace(CONTAINER, "../secret"), CONTAINERS),
        (good.replace(CONTAINER, "am-x%2F..%2Fsecret"), CONTAINERS),
        (good.replace(CONTAINER, "%61m-securityevent"), CONTAINERS),
        (good.replace(CONTAINER, &"am-x".repeat(16)), CONTAINERS),
        (good.replace(CONTAINER, "am-x/../secret"), NAMES),
        (good.replace(CONTAINER, "am-x/%2e%2e/secret"), NAMES),
        // Another blob.
        (good.replace("/rg/", "/../"), NAMES),
        (good.replace("/rg/", "/%2E%2e/"), NAMES),
        (good.replace("/rg/", "/%252e%252e/"), NAMES),
        (good.replace("/rg/", "/a%2Fb/"), NAMES),
        (good.replace("/rg/", "/a%00/"), NAMES),
        (good.replace("/rg/", "/a%0d%0aHost:%20evil/"), NAMES),
        (good.replace("/rg/", &format!("/{}/", "x".repeat(5000))), NAMES),
        (good.replace("/rg/", &"/x".repeat(20_000)), NAMES),
        (good.replace("PT05M.json", "key.pem"), NAMES),
        (good.replace("PT05M.json", "PT05M.json%3Fsnapshot=x"), NAMES),
        (good.replace("PT05M.json", "PT05M.json?snapshot=2026-01-01"), MALFORMED),
        (good.replace("PT05M.json", "PT05M.json?comp=metadata&sig=x"), MALFORMED),
        (good.replace("PT05M.json", "PT05M.json#x"), MALFORMED),
        (good.replace("/rg/", "/a\\b/"), MALFORMED),
        (good.replace("/rg/", "/%zz/"), MALFORMED),
        (good.replace("/rg/", "/%ff/"), MALFORMED),
    ]
}

#[tokio::test]
async fn an_address_that_is_not_an_exported_blob_of_our_account_is_never_fetched() {
    let world = World::new().await;
    let trap = Trap::set().await;
    // What an attacker would like to have read, and deleted.
    let (name, secret) = (blob_name(0), rows(0..3));
    for container in ["secret", "refused", CONTAINER] {
        world.writer.put_blob(container, &name, secret.as_bytes(), Kind::Block).await.unwrap();
    }
    world.writer.put_blob("secret", "key.pem", b"{}\n", Kind::Block).await.unwrap();
    let before = world.properties(&name).await.unwrap().version;
    let host = world.host().await;
    let addresses = addresses(&world, &trap.address);
    for (url, why) in &addresses {
        for event in [event_grid(url), cloud_event(url)] {
            assert_not_followed(&host, &envelope(&event), why).await;
        }
    }
    // Through the queue as well: each message is done with after one delivery.
    let sent = addresses.iter().filter(|(url, _)| url.len() < 20_000);
    for (url, _) in sent {
        world.writer.send(QUEUE, &event_grid(url).to_string()).await.unwrap();
    }
    until("the queue is empty", || async { world.queue.length().await.unwrap() == 0 }).await;
    let logged = host.output().iter().filter(|line| line.text.contains("a part of a message is not followed")).count();
    assert!(logged > 2 * addresses.len(), "{logged} lines in the log");

    assert_eq!(trap.visitors().await, 0);
    assert!(world.axiom.requests().is_empty(), "nothing is delivered");
    assert_eq!(world.properties(&name).await.unwrap().version, before, "untouched");
    for (container, name) in [("secret", &*name), ("secret", "key.pem"), ("refused", &name)] {
        assert!(world.blobs.properties(container, name).await.unwrap().is_some_and(|blob| blob.metadata.is_empty()));
    }
    let stats = host.stop().await;
    assert_eq!((stats.failed, stats.poisoned, stats.violations, stats.error_lines), (0, 0, vec![], 0));
}

/// Parts of an event other than the address of the blob.
#[tokio::test]
async fn nothing_else_in_a_message_leads_elsewhere() {
    let world = World::new().await;
    let trap = Trap::set().await;
    let name = blob_name(0);
    world.writer.put_blob("secret", &name, rows(0..3).as_bytes(), Kind::Block).await.unwrap();
    let account = world.blobs.endpoint().path().trim_matches('/').to_owned();
    let subject = |topic: &str, subject: &str| json!({"eventType": "Microsoft.Storage.BlobCreated", "topic": topic, "subject": subject});
    let mut with_both = event_grid(&format!("http://{}/{account}/{CONTAINER}/{name}", trap.address));
    with_both["subject"] = json!(format!("/blobServices/default/containers/{CONTAINER}/blobs/{name}"));
    let host = world.host().await;
    for (message, why) in [
        (subject(&account, &format!("/blobServices/default/containers/secret/blobs/{name}")), "(am-...)"),
        (subject("other", &format!("/blobServices/default/containers/{CONTAINER}/blobs/{name}")), "EXPORT_STORAGE"),
        (subject(&account, &format!("/blobServices/default/containers/{CONTAINER}/blobs/../secret/{name}")), "a blob"),
        (with_both, "EXPORT_STORAGE"),
        (json!({"container": "secret", "blob": name}), "(am-...)"),
        (json!({"container": "am-x/../secret", "blob": name}), "(am-...)"),
        (json!({"container": CONTAINER, "blob": format!("../secret/{name}")}), "a blob"),
        (json!({"container": CONTAINER, "blob": name, "offset": -1}), "neither"),
        (json!({"container": CONTAINER, "blob": name, "offset": 1e300}), "neither"),
        (json!({"container": CONTAINER, "blob": ["x"]}), "neither"),
    ] {
        assert_not_followed(&host, &queue_envelope(&message.to_string()), why).await;
    }
    // An offset is a hint: one beyond the end of a blob, or in the middle of a row, costs nothing.
    let text = rows(0..3);
    for (minute, offset) in [(1, 7), (2, text.len() as u64), (3, u64::MAX)] {
        let name = blob_name(minute);
        world.put(&name, text.as_bytes()).await;
        let message = json!({"container": CONTAINER, "blob": name, "offset": offset});
        assert_eq!(invoke(&host, BLOB_TRIGGER, &queue_envelope(&message.to_string())).await.0, 200);
        assert!(world.properties(&name).await.is_none(), "{offset}");
    }
    assert_eq!(world.delivered(TABLE).len(), 9);
    assert_eq!(trap.visitors().await, 0);
    assert!(world.blobs.properties("secret", &name).await.unwrap().is_some());
}

/// Answered as done, since coming again would not help, with the reason in the log and the answer.
async fn assert_not_followed(host: &Host, body: &str, why: &str) {
    let logged = host.output().len();
    let (status, answer) = invoke(host, BLOB_TRIGGER, body).await;
    let Value::Array(logs) = &answer["Logs"] else { panic!("{answer}") };
    let [line] = &logs[..] else { panic!("{body:.300} gives {answer}") };
    assert!(status == 200 && line.to_string().contains(why), "{body:.300} gives {answer}, not {why}");
    assert!(line.to_string().len() < 500, "shown short: {line}");
    until("it is logged", || async {
        host.output().iter().skip(logged).any(|line| line.text.contains("WARN") && line.text.contains(why))
    })
    .await;
}
