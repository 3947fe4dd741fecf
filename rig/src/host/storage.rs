//! From a connection string to a queue, as the host's storage extension resolves a trigger's `connection`.

use std::collections::HashMap;

use anyhow::Context;
use sentinel_axiom::azure::{Queue, connect_queue};
use sentinel_axiom::secret::Secret;
use sentinel_axiom::settings::Storage;
use url::Url;

use crate::azurite::{Account, IDENTITY};

/// A client for the queue `name` of the account in `connection`.
///
/// # Errors
/// When the string does not name the account, its key and both endpoints.
pub(crate) fn connect(connection: &str, name: &str) -> anyhow::Result<Queue> {
    Ok(connect_queue(&account(connection)?, IDENTITY, name)?)
}

/// Only the emulator, and strings with explicit endpoints, as the rig's own Azurite gives them. The words of an error never contain the string, for there is a key in it.
fn account(connection: &str) -> anyhow::Result<Storage> {
    if connection == "UseDevelopmentStorage=true" {
        return Ok(Account::usual().access());
    }
    let parts: HashMap<&str, &str> = connection.split(';').filter_map(|part| part.split_once('=')).collect();
    let part = |key: &str| parts.get(key).copied().with_context(|| format!("find {key} in the connection string"));
    let endpoint = |key: &str| Url::parse(part(key)?).with_context(|| format!("read {key} of the connection string"));
    Ok(Storage::Emulator {
        blob: endpoint("BlobEndpoint")?,
        queue: Some(endpoint("QueueEndpoint")?),
        account: part("AccountName")?.to_owned(),
        key: Secret::new(part("AccountKey")?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_string_names_account_key_and_endpoints() {
        let string =
            "AccountName=a;AccountKey=a2V5==;BlobEndpoint=http://127.0.0.1:1/a;QueueEndpoint=http://127.0.0.1:2/a;";
        let Storage::Emulator { queue, account: name, key, .. } = account(string).unwrap() else { panic!() };
        assert_eq!((queue.unwrap().port(), name.as_str(), key.expose()), (Some(2), "a", "a2V5=="));
        let development = account("UseDevelopmentStorage=true").unwrap();
        assert_eq!(development.queue().unwrap().as_str(), "http://127.0.0.1:10001/devstoreaccount1");
        let error = account("AccountName=a;AccountKey=a2V5").unwrap_err().to_string();
        assert!(error.contains("BlobEndpoint") && !error.contains("a2V5"), "{error}");
    }
}
