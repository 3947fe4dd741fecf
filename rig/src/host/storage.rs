//! From a connection string to a queue, as the host's storage extension resolves a trigger's `connection`.

use std::collections::HashMap;

use anyhow::Context;
use azure_storage_queue::{QueueClient, QueueServiceClient};
use url::Url;

/// A client for the queue `name` of the account in `connection`.
pub(crate) fn connect(connection: &str, name: &str) -> anyhow::Result<QueueClient> {
    let url = Url::parse("http://127.0.0.1:1/devstoreaccount1")?;
    Ok(QueueServiceClient::new(url, None, None)?.queue_client(name)?)
}
