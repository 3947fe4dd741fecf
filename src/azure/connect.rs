//! From a storage setting to clients. Nothing else in the program knows about storage authentication.

use std::sync::Arc;

use azure_core::credentials::TokenCredential;
use azure_core::error::ErrorKind;
use azure_core::http::{ClientOptions, ExponentialRetryOptions, RetryOptions, UserAgentOptions};
use azure_identity::{
    DeveloperToolsCredential, ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId,
    WorkloadIdentityCredential,
};
use azure_storage_blob::{BlobServiceClient, BlobServiceClientOptions};
use azure_storage_queue::{QueueServiceClient, QueueServiceClientOptions};
use url::Url;

use super::shared_key::SharedKeyPolicy;
use super::transport::transport;
use super::{Blobs, Queue, StorageError};
use crate::settings::{Identity, Storage};

/// The emulator's newest API version that Azurite accepts without being told to skip the check.
const EMULATOR_API_VERSION: &str = "2025-11-05";

/// Clients for the account's blobs. Sends nothing yet.
///
/// # Errors
/// No CA certificates on this machine, or no way to sign in.
pub fn connect_blobs(access: &Storage, identity: Identity) -> Result<Blobs, StorageError> {
    let client = || -> azure_core::Result<BlobServiceClient> {
        let (url, credential, client_options) = prepare(access, access.blob(), identity)?;
        let mut options = BlobServiceClientOptions { client_options, ..Default::default() };
        if matches!(access, Storage::Emulator { .. }) {
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
pub fn connect_queue(access: &Storage, identity: Identity, name: &str) -> Result<Queue, StorageError> {
    let client = || -> azure_core::Result<_> {
        let queue = access
            .queue()
            .ok_or_else(|| azure_core::Error::with_message(ErrorKind::Other, "the setting names no queue endpoint"))?;
        let (url, credential, client_options) = prepare(access, queue, identity)?;
        let mut options = QueueServiceClientOptions { client_options, ..Default::default() };
        if matches!(access, Storage::Emulator { .. }) {
            EMULATOR_API_VERSION.clone_into(&mut options.version);
        }
        QueueServiceClient::new(url, credential, Some(options))?.queue_client(name)
    };
    client()
        .map(|client| Queue::new(name, client))
        .map_err(|error| StorageError::new("prepare the connection to queue storage".into(), error))
}

type Prepared = (Url, Option<Arc<dyn TokenCredential>>, ClientOptions);

fn prepare(access: &Storage, url: &Url, identity: Identity) -> azure_core::Result<Prepared> {
    let mut options = ClientOptions {
        transport: Some(transport()?),
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
    let mut url = url.clone();
    let mut credential = None;
    match access {
        Storage::Emulator { account, key, .. } => {
            options.per_try_policies.push(Arc::new(SharedKeyPolicy::new(account, key.expose())))
        }
        Storage::Sas { sas, .. } => url.set_query(Some(sas.expose())),
        Storage::Identity { client_id, .. } => credential = Some(self::credential(identity, client_id.clone())?),
    }
    Ok((url, credential, options))
}

/// The platform's managed identity where there is one, else the developer's own login. Deliberately not a chain: in production a failing
/// identity must fail, not fall through to something else.
pub(super) fn credential(
    identity: Identity,
    client_id: Option<String>,
) -> azure_core::Result<Arc<dyn TokenCredential>> {
    Ok(match identity {
        Identity::Managed => {
            let user_assigned_id = client_id.map(UserAssignedId::ClientId);
            ManagedIdentityCredential::new(Some(ManagedIdentityCredentialOptions {
                user_assigned_id,
                ..Default::default()
            }))?
        }
        Identity::Workload => WorkloadIdentityCredential::new(None)?,
        Identity::Developer => DeveloperToolsCredential::new(None)?,
    })
}
