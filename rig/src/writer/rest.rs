//! The few storage calls of a log exporter, over plain HTTP and with a shared access signature.
//!
//! Deliberately not the client of the program under test: every answer is seen as it comes, nothing is retried behind our back, and an
//! error in that client cannot cancel itself out. The signature does not cover the host, so that a proxy may stand in between.

use std::time::Duration;

use anyhow::{Context as _, bail};
use azure_core::credentials;
use azure_core::hmac::hmac_sha256;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Client, Method};
use sentinel_axiom::secret::Secret;
use sentinel_axiom::settings::Storage;
use url::Url;

const VERSION: &str = "2022-11-02";

/// An append or a block blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Grows by appends, as data export writes.
    Append,
    /// Written once.
    Block,
}

/// What the service said: its status (none when there was no answer), its error code, and the blob's ETag and length where given.
#[derive(Debug, Default)]
pub(super) struct Reply {
    pub(super) status: Option<u16>,
    pub(super) code: String,
    pub(super) etag: String,
    pub(super) length: u64,
}

impl Reply {
    pub(super) fn is_success(&self) -> bool {
        matches!(self.status, Some(200..=299))
    }
}

/// Access to a storage account's blobs and queues. Clones share their connections.
#[derive(Clone)]
pub struct RestStorage {
    http: Client,
    blob: Url,
    queue: Url,
}

impl RestStorage {
    /// Prepares the calls; sends nothing yet.
    ///
    /// # Errors
    /// The account is to be reached by an Entra identity.
    pub fn new(access: &Storage) -> anyhow::Result<Self> {
        crate::install_tls();
        let http = Client::builder().no_proxy().timeout(Duration::from_secs(30)).build()?;
        let sas = match access {
            Storage::Emulator { account, key, .. } => signature(account, key)?,
            Storage::Sas { sas, .. } => sas.expose().to_owned(),
            Storage::Identity { .. } => bail!("the writer needs an emulator's key or a shared access signature"),
        };
        let signed = |url: &Url| {
            let mut url = url.clone();
            url.set_query(Some(&sas));
            url
        };
        let queue = access.queue().context("the account has no queue endpoint")?;
        Ok(RestStorage { http, blob: signed(access.blob()), queue: signed(queue) })
    }

    /// Writes a whole blob, creating the container when it is missing. No event is raised.
    ///
    /// # Errors
    /// Any answer but success.
    pub async fn put_blob(&self, container: &str, name: &str, bytes: &[u8], kind: Kind) -> anyhow::Result<()> {
        self.ensure_container(container).await?;
        let mut reply = self.create(container, name, if kind == Kind::Block { bytes } else { &[] }, kind, false).await;
        if kind == Kind::Append && reply.is_success() && !bytes.is_empty() {
            reply = self.append(container, name, bytes, 0).await;
        }
        expect_success(&reply).with_context(|| format!("write blob {container}/{name}"))
    }

    /// Deletes a blob; one that is not there is deleted already.
    ///
    /// # Errors
    /// Any other answer.
    pub async fn delete_blob(&self, container: &str, name: &str) -> anyhow::Result<()> {
        let reply = self.call(Method::DELETE, self.blob_url(container, name, &[]), &[], &[]).await;
        match reply.status {
            Some(404) => Ok(()),
            _ => expect_success(&reply).with_context(|| format!("delete blob {container}/{name}")),
        }
    }

    /// Appends to an append blob at its end. Data export's own appends carry no condition on the ETag either.
    ///
    /// # Errors
    /// Any answer but success.
    pub async fn append_blob(&self, container: &str, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
        let url = self.blob_url(container, name, &[("comp", "appendblock")]);
        let reply = self.call(Method::PUT, url, &[("content-type", "application/octet-stream")], bytes).await;
        expect_success(&reply).with_context(|| format!("append to blob {container}/{name}"))
    }

    /// Replaces a blob's metadata, whatever stands there.
    ///
    /// # Errors
    /// Any answer but success.
    pub async fn set_metadata(&self, container: &str, name: &str, metadata: &[(&str, &str)]) -> anyhow::Result<()> {
        let url = self.blob_url(container, name, &[("comp", "metadata")]);
        let headers: Vec<_> = metadata.iter().map(|(name, value)| (format!("x-ms-meta-{name}"), *value)).collect();
        let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        let reply = self.call(Method::PUT, url, &headers, &[]).await;
        expect_success(&reply).with_context(|| format!("set metadata of blob {container}/{name}"))
    }

    /// Creates a container unless it exists.
    ///
    /// # Errors
    /// Any other answer.
    pub async fn ensure_container(&self, container: &str) -> anyhow::Result<()> {
        let url = with_query(self.blob.clone(), &[container], &[("restype", "container")]);
        let reply = self.call(Method::PUT, url, &[], &[]).await;
        match reply.status {
            Some(409) => Ok(()),
            _ => expect_success(&reply).with_context(|| format!("create container {container}")),
        }
    }

    /// Creates a queue unless it exists.
    ///
    /// # Errors
    /// Any other answer.
    pub async fn ensure_queue(&self, queue: &str) -> anyhow::Result<()> {
        let reply = self.call(Method::PUT, with_query(self.queue.clone(), &[queue], &[]), &[], &[]).await;
        expect_success(&reply).with_context(|| format!("create queue {queue}"))
    }

    /// Puts a text on a queue in base64, as Event Grid does.
    ///
    /// # Errors
    /// Any answer but success.
    pub async fn send(&self, queue: &str, text: &str) -> anyhow::Result<()> {
        let body = format!("<QueueMessage><MessageText>{}</MessageText></QueueMessage>", STANDARD.encode(text));
        // Without an end, as an Event Grid subscription can be set to: the queue's own default is seven days.
        let url = with_query(self.queue.clone(), &[queue, "messages"], &[("messagettl", "-1")]);
        let reply = self.call(Method::POST, url, &[("content-type", "application/xml")], body.as_bytes()).await;
        expect_success(&reply).with_context(|| format!("send a message to queue {queue}"))
    }

    /// Put Blob. With `only_new`, a blob that exists is left as it is and the answer is 409.
    pub(super) async fn create(&self, container: &str, name: &str, bytes: &[u8], kind: Kind, only_new: bool) -> Reply {
        let kind = if kind == Kind::Append { "AppendBlob" } else { "BlockBlob" };
        let mut headers = vec![("x-ms-blob-type", kind), ("content-type", "application/octet-stream")];
        if only_new {
            headers.push(("if-none-match", "*"));
        }
        self.call(Method::PUT, self.blob_url(container, name, &[]), &headers, bytes).await
    }

    /// Append Block at exactly `position`, else 412.
    pub(super) async fn append(&self, container: &str, name: &str, bytes: &[u8], position: u64) -> Reply {
        let url = self.blob_url(container, name, &[("comp", "appendblock")]);
        let position = position.to_string();
        let headers = [("x-ms-blob-condition-appendpos", &*position), ("content-type", "application/octet-stream")];
        self.call(Method::PUT, url, &headers, bytes).await
    }

    /// Get Blob Properties.
    pub(super) async fn head(&self, container: &str, name: &str) -> Reply {
        self.call(Method::HEAD, self.blob_url(container, name, &[]), &[], &[]).await
    }

    /// The blob's address without the signature, as it stands in an event.
    pub(super) fn plain_url(&self, container: &str, name: &str) -> Url {
        let mut url = self.blob_url(container, name, &[]);
        url.set_query(None);
        url
    }

    fn blob_url(&self, container: &str, name: &str, query: &[(&str, &str)]) -> Url {
        let path: Vec<&str> = std::iter::once(container).chain(name.split('/')).collect();
        with_query(self.blob.clone(), &path, query)
    }

    async fn call(&self, method: Method, url: Url, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let mut request = self.http.request(method.clone(), url).header("x-ms-version", VERSION);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if method != Method::HEAD {
            request = request.header("content-length", body.len()).body(body.to_vec());
        }
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => {
                return Reply { code: format!("{:#}", anyhow::Error::from(error.without_url())), ..Reply::default() };
            }
        };
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let reply = Reply {
            status: Some(response.status().as_u16()),
            code: header("x-ms-error-code").to_owned(),
            etag: header("etag").to_owned(),
            length: header("content-length").parse().unwrap_or(0),
        };
        // Read to its end, so that the connection is used again; an answer that breaks here has said its status.
        response.bytes().await.ok();
        reply
    }
}

/// An error unless the service agreed.
fn expect_success(reply: &Reply) -> anyhow::Result<()> {
    match reply.status {
        _ if reply.is_success() => Ok(()),
        Some(status) => bail!("the storage service answers {status} {}", reply.code),
        None => bail!("no answer: {}", reply.code),
    }
}

fn with_query(mut url: Url, path: &[&str], query: &[(&str, &str)]) -> Url {
    url.path_segments_mut().expect("an http address has a path").pop_if_empty().extend(path);
    for (name, value) in query {
        url.query_pairs_mut().append_pair(name, value);
    }
    url
}

/// An account signature for everything that is done here, good for the life of any test. Source: Microsoft, "Create an account SAS".
fn signature(account: &str, key: &Secret) -> anyhow::Result<String> {
    let (permissions, services, types, expiry, protocol) =
        ("rwdlacup", "bq", "sco", "2099-01-01T00:00:00Z", "https,http");
    let text = format!("{account}\n{permissions}\n{services}\n{types}\n\n{expiry}\n\n{protocol}\n{VERSION}\n\n");
    let signature = hmac_sha256(&text, &credentials::Secret::new(key.expose().to_owned()))
        .context("sign with the account's key")?;
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in [
        ("sv", VERSION),
        ("ss", services),
        ("srt", types),
        ("sp", permissions),
        ("se", expiry),
        ("spr", protocol),
        ("sig", &signature),
    ] {
        query.append_pair(name, value);
    }
    Ok(query.finish())
}
