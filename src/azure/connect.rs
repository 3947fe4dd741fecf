//! From a storage setting to clients. Nothing else in the program knows about storage authentication.

use std::sync::Arc;
use std::time::Duration;

use azure_core::credentials::TokenCredential;
use azure_core::http::{ClientOptions, ExponentialRetryOptions, RetryOptions, Transport, UserAgentOptions};
use azure_identity::{
    DeveloperToolsCredential, ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId,
};
use azure_storage_blob::{BlobServiceClient, BlobServiceClientOptions};
use azure_storage_queue::{QueueServiceClient, QueueServiceClientOptions};
use url::Url;

use super::shared_key::SharedKeyPolicy;
use super::{Blobs, Queue, StorageError};

/// How to reach a storage account.
#[derive(Debug, Clone)]
pub enum Access {
    /// The storage emulator, with its well-known key.
    Emulator {
        /// Blob endpoint, the account's name in its path.
        blob: Url,
        /// Queue endpoint, the account's name in its path.
        queue: Url,
        /// Account name.
        account: String,
        /// Account key, base64.
        key: String,
    },
    /// A shared access signature.
    Sas {
        /// Blob endpoint.
        blob: Url,
        /// Queue endpoint.
        queue: Url,
        /// The signature, as a query string.
        sas: String,
    },
    /// An Entra identity.
    Identity {
        /// Blob endpoint.
        blob: Url,
        /// Queue endpoint.
        queue: Url,
        /// Client id of a user-assigned identity.
        client_id: Option<String>,
    },
}

/// The emulator's newest API version that Azurite accepts without being told to skip the check.
const EMULATOR_API_VERSION: &str = "2025-11-05";

/// Clients for the account's blobs. Sends nothing yet.
///
/// # Errors
/// No CA certificates on this machine, or no way to sign in.
pub fn connect_blobs(access: &Access) -> Result<Blobs, StorageError> {
    let client = || -> azure_core::Result<BlobServiceClient> {
        let (url, credential, client_options) = prepare(access, |blob, _| blob)?;
        let mut options = BlobServiceClientOptions { client_options, ..Default::default() };
        if matches!(access, Access::Emulator { .. }) {
            EMULATOR_API_VERSION.clone_into(&mut options.version);
        }
        BlobServiceClient::new(url, credential, Some(options))
    };
    client().map(Blobs::new).map_err(|error| StorageError::new("prepare the connection to blob storage".into(), error))
}

/// A client for one queue of the account. Sends nothing yet.
///
/// # Errors
/// As [`connect_blobs`].
pub fn connect_queue(access: &Access, name: &str) -> Result<Queue, StorageError> {
    let client = || -> azure_core::Result<_> {
        let (url, credential, client_options) = prepare(access, |_, queue| queue)?;
        let mut options = QueueServiceClientOptions { client_options, ..Default::default() };
        if matches!(access, Access::Emulator { .. }) {
            EMULATOR_API_VERSION.clone_into(&mut options.version);
        }
        QueueServiceClient::new(url, credential, Some(options))?.queue_client(name)
    };
    client()
        .map(|client| Queue::new(name, client))
        .map_err(|error| StorageError::new("prepare the connection to queue storage".into(), error))
}

type Prepared = (Url, Option<Arc<dyn TokenCredential>>, ClientOptions);

fn prepare(access: &Access, pick: impl for<'a> Fn(&'a Url, &'a Url) -> &'a Url) -> azure_core::Result<Prepared> {
    let mut options = ClientOptions {
        transport: Some(Transport::new(Arc::new(http_client()?))),
        user_agent: UserAgentOptions {
            application_id: Some(concat!("sentinel-axiom-", env!("CARGO_PKG_VERSION")).into()),
        },
        // A connection that is refused is tried again too: few retries, so that a wrong account name is reported soon.
        retry: RetryOptions::exponential(ExponentialRetryOptions {
            initial_delay: azure_core::time::Duration::milliseconds(200),
            max_retries: 4,
            max_total_elapsed: azure_core::time::Duration::seconds(30),
            ..Default::default()
        }),
        ..Default::default()
    };
    Ok(match access {
        Access::Emulator { blob, queue, account, key } => {
            options.per_try_policies.push(Arc::new(SharedKeyPolicy::new(account, key)));
            (pick(blob, queue).clone(), None, options)
        }
        Access::Sas { blob, queue, sas } => {
            let mut url = pick(blob, queue).clone();
            url.set_query(Some(sas.trim_start_matches('?')));
            (url, None, options)
        }
        Access::Identity { blob, queue, client_id } => {
            (pick(blob, queue).clone(), Some(credential(client_id.clone())?), options)
        }
    })
}

/// The platform's managed identity where there is one, else the developer's own login. Deliberately not a chain: in production a failing
/// identity must fail, not fall through to something else.
fn credential(client_id: Option<String>) -> azure_core::Result<Arc<dyn TokenCredential>> {
    if std::env::var_os("IDENTITY_ENDPOINT").is_some() {
        let user_assigned_id = client_id.map(UserAssignedId::ClientId);
        return Ok(ManagedIdentityCredential::new(Some(ManagedIdentityCredentialOptions {
            user_assigned_id,
            ..Default::default()
        }))?);
    }
    Ok(DeveloperToolsCredential::new(None)?)
}

/// Our own HTTP client: building the SDK's default one panics where the machine has no CA certificates.
fn http_client() -> azure_core::Result<reqwest::Client> {
    let client = reqwest::Client::builder()
        .connect_timeout(Duration::from_secs(10))
        .read_timeout(Duration::from_secs(60))
        .redirect(reqwest::redirect::Policy::none())
        .build();
    client.map_err(|error| azure_core::Error::new(azure_core::error::ErrorKind::Other, error))
}
