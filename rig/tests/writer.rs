//! The writer against Azurite: what it says it wrote is what is there, also when storage answers badly or blobs vanish.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures::TryStreamExt as _;
use rig::azurite::{Azurite, IDENTITY};
use rig::content::Content;
use rig::writer::{self, Defects, Delivery, Options, RestStorage, Writer, Written};
use sentinel_axiom::azure::{connect_blobs, connect_queue};
use sentinel_axiom::settings::Storage;
use serde_json::{Map, Value};
use time::macros::datetime;
use url::Url;

const QUEUE: &str = "blob-created";

/// The good rows and the wrong ones that are in the account, by container.
async fn found(access: &Storage) -> anyhow::Result<BTreeMap<String, (Content, Vec<Vec<u8>>)>> {
    let blobs = connect_blobs(access, IDENTITY)?;
    let containers: Vec<String> = blobs.containers("am-").try_collect().await?;
    let mut found = BTreeMap::new();
    for container in containers {
        let (good, bad): &mut (Content, Vec<Vec<u8>>) = found.entry(container.clone()).or_default();
        let listed: Vec<_> = blobs.list(&container, "").try_collect().await?;
        for blob in listed {
            let (bytes, _) = blobs.get(&container, &blob.name).await?;
            for line in bytes.split(|byte| *byte == b'\n') {
                let line = line.strip_suffix(b"\r").unwrap_or(line);
                if serde_json::from_slice::<Map<String, Value>>(line).is_ok() {
                    good.add(line);
                } else if !line.is_empty() {
                    bad.push(line.to_vec());
                }
            }
        }
        bad.sort();
    }
    Ok(found)
}

fn expected(written: &Written) -> BTreeMap<String, (Content, Vec<Vec<u8>>)> {
    let table = |(name, table): (&String, &writer::TableWritten)| {
        let mut bad = table.bad.clone();
        bad.sort();
        (writer::container(name), (table.good, bad))
    };
    written.tables.iter().map(table).collect()
}

fn rough(access: Storage, seed: u64) -> Options {
    Options {
        seed,
        rows: 3000,
        tables: rig::rows::table_names(4),
        block_bytes: 60_000,
        late: 0.2,
        start: datetime!(2026-11-25 08:01 UTC),
        defects: Defects { bad: 0.02, crlf: 0.3, blank: 0.05, cut: 0.5 },
        ..Options::new(access)
    }
}

#[tokio::test]
async fn what_is_written_is_there_and_each_blob_raised_one_event() -> anyhow::Result<()> {
    let azurite = Azurite::shared().await?.new_account();
    let options = Options { queue: Some((azurite.access(), QUEUE.into())), ..rough(azurite.access(), 5) };
    let written = Writer::start(options).await?.finish().await?;
    assert_eq!(found(&azurite.access()).await?, expected(&written));
    assert_eq!(written.rows() + written.bad() as u64, 3000);
    assert!(written.bad() > 20, "{}", written.bad());
    assert!(written.tables.values().all(|table| table.late_blocks > 0 && table.blobs >= 6));
    let blobs: u64 = written.tables.values().map(|table| table.blobs).sum();
    assert_eq!(connect_queue(&azurite.access(), IDENTITY, QUEUE)?.length().await?, blobs);
    Ok(())
}

#[tokio::test]
async fn events_are_lost_and_repeated_as_asked() -> anyhow::Result<()> {
    let azurite = Azurite::shared().await?.new_account();
    let count = async |queue: &str, delivery| {
        let options = Options {
            queue: Some((azurite.access(), queue.into())),
            delivery,
            rows: 60,
            tables: vec![format!("Events{queue}_CL")],
            ..Options::new(azurite.access())
        };
        let written = Writer::start(Options { block_bytes: 1, ..options }).await?.finish().await?;
        let blobs: u64 = written.tables.values().map(|table| table.blobs).sum();
        anyhow::Ok((blobs, connect_queue(&azurite.access(), IDENTITY, queue)?.length().await?))
    };
    let (blobs, messages) = count("none", Delivery { dropped: 1.0, ..Delivery::default() }).await?;
    assert!(blobs >= 6 && messages == 0, "{blobs} {messages}");
    let (blobs, messages) = count("twice", Delivery { repeated: 1.0, delayed: 0.5, ..Delivery::default() }).await?;
    assert_eq!(messages, 2 * blobs);
    Ok(())
}

#[tokio::test]
async fn a_deleted_blob_is_made_anew_with_a_new_event() -> anyhow::Result<()> {
    let azurite = Azurite::shared().await?.new_account();
    let (account, time) = (RestStorage::new(&azurite.access())?, datetime!(2026-11-25 08:01 UTC));
    account.ensure_queue(QUEUE).await?;
    let name = writer::append(&account, Some(QUEUE), "Syslog", time, b"{\"a\":1}\n").await?;
    assert_eq!(writer::append(&account, Some(QUEUE), "Syslog", time, b"{\"a\":2}\n").await?, name);
    let blobs = connect_blobs(&azurite.access(), IDENTITY)?;
    assert_eq!(&*blobs.get("am-syslog", &name).await?.0, b"{\"a\":1}\n{\"a\":2}\n");
    assert_eq!(connect_queue(&azurite.access(), IDENTITY, QUEUE)?.length().await?, 1);
    account.delete_blob("am-syslog", &name).await?;
    writer::append(&account, Some(QUEUE), "Syslog", time, b"{\"a\":3}\n").await?;
    assert_eq!(&*blobs.get("am-syslog", &name).await?.0, b"{\"a\":3}\n");
    assert_eq!(connect_queue(&azurite.access(), IDENTITY, QUEUE)?.length().await?, 2);
    Ok(())
}

/// Stands before Azurite and answers some writes badly: a third with 500 after they were done, as when an answer is lost, some others
/// with 503 before.
#[derive(Clone)]
struct Proxy {
    azurite: Url,
    http: reqwest::Client,
    rng: Arc<Mutex<fastrand::Rng>>,
}

async fn unreliable(State(proxy): State<Proxy>, request: Request) -> Result<Response, StatusCode> {
    let (parts, body) = request.into_parts();
    let body: Bytes = axum::body::to_bytes(body, 64 << 20).await.map_err(|_| StatusCode::BAD_REQUEST)?;
    let chance = proxy.rng.lock().expect("no holder of this lock panics").f64();
    let put = parts.method == axum::http::Method::PUT;
    if put && chance < 0.15 {
        return Err(StatusCode::SERVICE_UNAVAILABLE);
    }
    let mut url = proxy.azurite;
    url.set_path(parts.uri.path());
    url.set_query(parts.uri.query());
    let mut headers = parts.headers;
    headers.remove("host");
    let sent = proxy.http.request(parts.method, url).headers(headers).body(body).send().await;
    let answer = sent.map_err(|_| StatusCode::BAD_GATEWAY)?;
    if put && chance > 0.67 {
        return Err(StatusCode::INTERNAL_SERVER_ERROR);
    }
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    // It says how Azurite framed its answer, which is not how this one is framed.
    headers.remove("transfer-encoding");
    let body = answer.bytes().await.map_err(|_| StatusCode::BAD_GATEWAY)?;
    Ok((status, headers, body).into_response())
}

#[tokio::test]
async fn nothing_is_written_twice_when_answers_are_lost() -> anyhow::Result<()> {
    let azurite = Azurite::shared().await?.new_account();
    rig::install_tls();
    let rng = Arc::new(Mutex::new(fastrand::Rng::with_seed(3)));
    let state = Proxy { azurite: azurite.blob_url().clone(), http: reqwest::Client::new(), rng };
    let app = axum::Router::new().fallback(unreliable).with_state(state);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let mut proxy = azurite.blob_url().clone();
    proxy.set_port(Some(listener.local_addr()?.port())).expect("an http address has a port");
    let server = tokio::spawn(async move { axum::serve(listener, app).await });
    let options = rough(azurite.behind(&proxy, azurite.queue_url()).access(), 9);
    let written = Writer::start(options).await?.finish().await?;
    server.abort();
    assert_eq!(found(&azurite.access()).await?, expected(&written));
    assert!(written.tables.values().map(|table| table.blocks).sum::<u64>() > 100);
    Ok(())
}
