//! The floor: the least that any program must do to move these bytes with this transport and this codec. Ranged reads, cuts at newlines, zstd, several
//! POSTs in flight; no row is checked, nothing is remembered, nothing is deleted.

use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, bail};
use bytes::Bytes;
use futures::stream::{FuturesUnordered, StreamExt as _};
use reqwest::Client;
use zstd::bulk::Compressor;
use zstd::zstd_safe::CParameter;

/// Bytes of one ranged read, of one batch, and POSTs in flight: as the program has them.
const WINDOW: u64 = 64 << 20;
const BATCH: usize = 4 << 20;
const UPLOADS: usize = 4;

/// Contexts to be used again.
static CONTEXTS: Mutex<Vec<Compressor<'static>>> = Mutex::new(Vec::new());

/// What to move.
#[derive(Debug, Clone, clap::Parser)]
pub struct Floor {
    /// Base URL of the blob service, with the account.
    #[arg(long)]
    pub storage: String,
    /// Base URL of Axiom.
    #[arg(long)]
    pub axiom: String,
    /// Level of zstd.
    #[arg(long)]
    pub level: i32,
    /// The blobs, `container/name=length`.
    pub blobs: Vec<String>,
}

/// Moves them, one after the other.
///
/// # Errors
/// Anything but success.
pub async fn run(floor: &Floor) -> anyhow::Result<()> {
    crate::install_tls();
    let client = Client::builder().http1_only().build()?;
    let ingest = format!("{}/v1/datasets/floor/ingest", floor.axiom);
    let mut under_way = FuturesUnordered::new();
    for blob in &floor.blobs {
        let (blob, length) = blob.rsplit_once('=').context("a blob without its length")?;
        let length: u64 = length.parse().context("a blob's length")?;
        let (mut at, mut sent, mut batch) = (0, 0, Vec::new());
        while at < length {
            let last = length.min(at + WINDOW) - 1;
            let url = format!("{}/{blob}", floor.storage);
            let range = format!("bytes={at}-{last}");
            let mut body = client.get(url).header("x-ms-range", range).send().await?.error_for_status()?.bytes_stream();
            while let Some(bytes) = body.next().await {
                let bytes = bytes?;
                at += bytes.len() as u64;
                batch.extend_from_slice(&bytes);
                if batch.len() >= BATCH || at == length {
                    let cut = memchr::memrchr(b'\n', &batch).context("a row is longer than a batch")? + 1;
                    let rest = batch.split_off(cut);
                    let full = std::mem::replace(&mut batch, rest);
                    batch.reserve_exact(BATCH.min(usize::try_from(length - at)?));
                    if under_way.len() == UPLOADS {
                        under_way.next().await.transpose()?;
                    }
                    let bytes = full.len() as u64;
                    under_way.push(tokio::spawn(send(
                        client.clone(),
                        ingest.clone(),
                        floor.level,
                        blob.to_owned(),
                        sent,
                        full,
                    )));
                    sent += bytes;
                }
            }
        }
    }
    while let Some(sent) = under_way.next().await {
        sent??;
    }
    Ok(())
}

async fn send(
    client: Client,
    ingest: String,
    level: i32,
    blob: String,
    offset: u64,
    batch: Vec<u8>,
) -> anyhow::Result<()> {
    let wire = tokio::task::spawn_blocking(move || {
        let mut context = CONTEXTS.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
        context.set_parameter(CParameter::CompressionLevel(level))?;
        context.set_parameter(CParameter::WindowLog(22))?;
        context.set_parameter(CParameter::HashLog(if level == 1 { 15 } else { 0 }))?;
        let wire = context.compress(&batch);
        CONTEXTS.lock().unwrap_or_else(PoisonError::into_inner).push(context);
        wire
    });
    let labels = format!("{{\"source_blob\":\"{blob}\",\"source_offset\":{offset}}}");
    let request = client
        .post(ingest)
        .header("content-type", "application/x-ndjson")
        .header("content-encoding", "zstd")
        .header("x-axiom-event-labels", labels)
        .body(Bytes::from(wire.await??));
    let response = request.send().await?;
    if response.status() != 200 {
        bail!("the sink answers {}", response.status());
    }
    response.bytes().await?;
    Ok(())
}
