//! Shared Key signatures for the storage emulator. The official SDK has Entra tokens and SAS only; production never gets here,
//! since the settings refuse an account key for a host that is not loopback.
//!
//! Source: Microsoft, "Authorize with Shared Key", section "Blob, Queue, and File Services".

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use azure_core::credentials::Secret;
use azure_core::hmac::hmac_sha256;
use azure_core::http::policies::{Policy, PolicyResult};
use azure_core::http::{Context, Method, Request};
use time::OffsetDateTime;

/// Signs each try of a request with the account's key.
pub(super) struct SharedKeyPolicy {
    account: String,
    key: Secret,
}

impl SharedKeyPolicy {
    pub(super) fn new(account: &str, key: &str) -> Self {
        Self { account: account.to_owned(), key: Secret::new(key.to_owned()) }
    }

    fn sign(&self, request: &mut Request) -> azure_core::Result<()> {
        // A second try of the same request carries the first one's date: it is signed anew.
        request.insert_header("x-ms-date", azure_core::time::to_rfc7231(&OffsetDateTime::now_utc()));
        let signature = hmac_sha256(&string_to_sign(&self.account, request), &self.key)?;
        request.insert_header("authorization", format!("SharedKey {}:{signature}", self.account));
        Ok(())
    }
}

impl fmt::Debug for SharedKeyPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedKeyPolicy").field("account", &self.account).finish_non_exhaustive()
    }
}

#[async_trait::async_trait]
impl Policy for SharedKeyPolicy {
    async fn send(&self, context: &Context, request: &mut Request, next: &[Arc<dyn Policy>]) -> PolicyResult {
        self.sign(request)?;
        next[0].send(context, request, &next[1..]).await
    }
}

fn string_to_sign(account: &str, request: &Request) -> String {
    let headers: BTreeMap<String, String> = request
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str().to_lowercase(), value.as_str().trim().to_owned()))
        .collect();
    let header = |name: &str| headers.get(name).map_or("", String::as_str);
    let length = match request.body().len() {
        Some(length) if length > 0 => length.to_string(),
        _ => String::new(),
    };
    let mut text = match request.method() {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Put => "PUT",
        Method::Post => "POST",
        Method::Delete => "DELETE",
        _ => "PATCH",
    }
    .to_owned();
    let standard = [
        header("content-encoding"),
        header("content-language"),
        &length,
        header("content-md5"),
        header("content-type"),
        // The date stands in x-ms-date.
        "",
        header("if-modified-since"),
        header("if-match"),
        header("if-none-match"),
        header("if-unmodified-since"),
        header("range"),
    ];
    for value in standard {
        text.push('\n');
        text.push_str(value);
    }
    text.push('\n');
    for (name, value) in headers.iter().filter(|(name, _)| name.starts_with("x-ms-")) {
        text.push_str(&format!("{name}:{value}\n"));
    }
    text.push_str(&format!("/{account}{}", request.url().path()));
    let mut query: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in request.url().query_pairs() {
        query.entry(name.to_lowercase()).or_default().push(value.into_owned());
    }
    for (name, mut values) in query {
        values.sort();
        text.push_str(&format!("\n{name}:{}", values.join(",")));
    }
    text
}
