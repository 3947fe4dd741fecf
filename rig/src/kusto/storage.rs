//! The account behind queued ingestion, by its REST API: containers, queues and the table of statuses.

use std::time::Duration;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use reqwest::{Client, Method, Response};
use serde_json::Value as Json;
use url::Url;

use super::sas;
use crate::azurite::Account;

/// How long the stand-in's own signature is good: longer than it runs.
const LONG: Duration = Duration::from_secs(30 * 86_400);

/// The account.
#[derive(Debug, Clone)]
pub(crate) struct Storage {
    client: Client,
    account: Account,
    /// Parameters that may do everything.
    all: String,
}

/// A message of a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) id: String,
    pub(crate) receipt: String,
    pub(crate) text: String,
}

impl Storage {
    pub(crate) fn new(account: &Account) -> anyhow::Result<Self> {
        crate::install_tls();
        // No pool: the runtime of a test ends with the test, and its connections with it.
        let client = Client::builder().pool_max_idle_per_host(0).build().context("build a client")?;
        Ok(Self { client, account: account.clone(), all: sas::account(account.name(), &until(LONG)) })
    }

    /// Makes a container.
    pub(crate) async fn make_container(&self, name: &str) -> anyhow::Result<()> {
        let url = format!("{}/{name}?restype=container&{}", self.account.blob_url(), self.all);
        made(self.send(Method::PUT, &url, Bytes::new()).await?)
    }

    /// Makes a queue.
    pub(crate) async fn make_queue(&self, name: &str) -> anyhow::Result<()> {
        let url = format!("{}/{name}?{}", self.account.queue_url(), self.all);
        made(self.send(Method::PUT, &url, Bytes::new()).await?)
    }

    /// Makes a table.
    pub(crate) async fn make_table(&self, name: &str) -> anyhow::Result<()> {
        let url = format!("{}/Tables?{}", self.account.table_url(), self.all);
        let body = serde_json::json!({"TableName": name}).to_string();
        made(self.send(Method::POST, &url, body.into()).await?)
    }

    /// The bytes of a blob at an address with a signature; the error is the status.
    pub(crate) async fn download(&self, address: &str) -> Result<Bytes, u16> {
        let url = self.own(address, self.account.blob_url()).ok_or(400_u16)?;
        let response = self.send(Method::GET, url.as_str(), Bytes::new()).await.map_err(|_| 503_u16)?;
        match response.status().as_u16() {
            200 => response.bytes().await.map_err(|_| 503),
            status => Err(status),
        }
    }

    /// Deletes a blob, whatever its address may do.
    pub(crate) async fn delete(&self, address: &str) -> anyhow::Result<()> {
        let mut url = self.own(address, self.account.blob_url()).context("the blob's address is none")?;
        url.set_query(Some(&self.all));
        made(self.send(Method::DELETE, url.as_str(), Bytes::new()).await?)
    }

    /// Takes messages from a queue; they are hidden for half a minute.
    pub(crate) async fn receive(&self, queue: &str) -> anyhow::Result<Vec<Received>> {
        let parameters = format!("numofmessages=32&visibilitytimeout=30&{}", self.all);
        let url = format!("{}/{queue}/messages?{parameters}", self.account.queue_url());
        let response = self.send(Method::GET, &url, Bytes::new()).await?.error_for_status()?;
        let text = response.text().await?;
        let messages = text.split("<QueueMessage>").skip(1).filter_map(|message| {
            let field = |name: &str| between(message, &format!("<{name}>"), &format!("</{name}>"));
            Some(Received { id: field("MessageId")?, receipt: field("PopReceipt")?, text: field("MessageText")? })
        });
        Ok(messages.collect())
    }

    /// Removes a message that was taken.
    pub(crate) async fn remove(&self, queue: &str, message: &Received) -> anyhow::Result<()> {
        let mut url = Url::parse(&format!("{}/{queue}/messages/{}", self.account.queue_url(), message.id))?;
        url.set_query(Some(&self.all));
        url.query_pairs_mut().append_pair("popreceipt", &message.receipt);
        made(self.send(Method::DELETE, url.as_str(), Bytes::new()).await?)
    }

    /// Puts a text on a queue, as base64.
    pub(crate) async fn put(&self, queue: &str, text: &str) -> anyhow::Result<()> {
        let url = format!("{}/{queue}/messages?{}", self.account.queue_url(), self.all);
        let text = BASE64_STANDARD.encode(text);
        let body = format!("<QueueMessage><MessageText>{text}</MessageText></QueueMessage>");
        made(self.send(Method::POST, &url, body.into()).await?)
    }

    /// Writes properties into an entity of a table, which need not exist; the address is the table's, with a signature.
    pub(crate) async fn merge(&self, table: &str, keys: (&str, &str), properties: &Json) -> anyhow::Result<()> {
        let mut url = self.own(table, self.account.table_url()).context("the table's address is none")?;
        let key = |key: &str| key.replace('\'', "''");
        let path = format!("{}(PartitionKey='{}',RowKey='{}')", url.path(), key(keys.0), key(keys.1));
        url.set_path(&path);
        let merge = Method::from_bytes(b"MERGE").expect("a word is a method");
        made(self.send(merge, url.as_str(), properties.to_string().into()).await?)
    }

    /// All entities of a table.
    pub(crate) async fn entities(&self, table: &str) -> anyhow::Result<Vec<Json>> {
        let url = format!("{}/{table}()?{}", self.account.table_url(), self.all);
        let response = self.send(Method::GET, &url, Bytes::new()).await?.error_for_status()?;
        let mut body: Json = serde_json::from_slice(&response.bytes().await?)?;
        Ok(body["value"].as_array_mut().map(std::mem::take).unwrap_or_default())
    }

    /// The address of a table of this account, with a signature that may do everything.
    pub(crate) fn table(&self, name: &str) -> String {
        format!("{}/{name}?{}", self.account.table_url(), self.all)
    }

    /// An address of this account, however the client saw it, where the account itself is.
    fn own(&self, address: &str, endpoint: &Url) -> Option<Url> {
        let mut url = Url::parse(address).ok()?;
        if url.path().starts_with(&format!("/{}/", self.account.name())) {
            url.set_host(endpoint.host_str()).ok()?;
            url.set_port(endpoint.port()).ok()?;
        }
        Some(url)
    }

    async fn send(&self, method: Method, url: &str, body: Bytes) -> anyhow::Result<Response> {
        let is_json = body.first() == Some(&b'{');
        let request = self.client.request(method, url).header("x-ms-version", "2018-11-09");
        let request = request.header("Accept", "application/json;odata=nometadata").header("DataServiceVersion", "3.0");
        let kind = if is_json { "application/json" } else { "application/xml" };
        Ok(request.header("Content-Type", kind).header("Content-Length", body.len()).body(body).send().await?)
    }
}

/// Whether something was done; that it is there already does not matter.
fn made(response: Response) -> anyhow::Result<()> {
    match response.status().as_u16() {
        200..300 | 409 => Ok(()),
        status => bail!("the account answered {status} for {}", response.url().path()),
    }
}

/// A time from now on, as signatures have it.
pub(crate) fn until(lifetime: Duration) -> String {
    let ticks = i64::try_from(lifetime.as_nanos() / 100).unwrap_or(i64::MAX / 2);
    let text = crate::kql::ticks::format(crate::kql::ticks::now().saturating_add(ticks));
    format!("{}Z", text.trim_end_matches('Z').split('.').next().unwrap_or_default())
}

fn between(text: &str, from: &str, to: &str) -> Option<String> {
    let (_, rest) = text.split_once(from)?;
    let (inner, _) = rest.split_once(to)?;
    Some(inner.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&"))
}
