//! The doors to Azure. Only here an SDK type is named.

mod account;
mod blobs;
mod connect;
mod login;
mod queue;
mod reader;
mod shared_key;
mod transport;

pub use account::{AccountFacts, Container, Deleted};
pub use blobs::{Blobs, Listed, Outcome, Properties, Version};
pub use connect::{connect_blobs, connect_queue};
pub use login::{Login, LoginError};
pub use queue::{Peeked, Queue};
pub use reader::{ReadError, Reader};

/// Something that the storage service did not do.
#[derive(Debug, thiserror::Error)]
#[error("{doing}{}", self.advice())]
pub struct StorageError {
    doing: String,
    #[source]
    source: azure_core::Error,
}

impl StorageError {
    fn new(doing: String, source: azure_core::Error) -> Self {
        Self { doing, source }
    }

    fn unexpected(doing: String, what: &'static str) -> Self {
        Self::new(doing, azure_core::Error::with_message(azure_core::error::ErrorKind::DataConversion, what))
    }

    /// What was read is not what this program writes.
    pub(crate) fn unreadable(doing: String, source: serde_json::Error) -> Self {
        Self::new(doing, azure_core::Error::new(azure_core::error::ErrorKind::DataConversion, source))
    }

    /// The blob changes faster than we can write to it.
    pub(crate) fn busy(blob: String) -> Self {
        Self::unexpected(format!("write the marks of blob {blob}"), "it changes between every look and every write")
    }

    /// The HTTP status, when there was an answer.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.source.http_status().map(Into::into)
    }

    /// The service's error code, such as `AuthorizationFailure` ("Common REST API error codes" and those of each service).
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self.source.kind() {
            azure_core::error::ErrorKind::HttpResponse { error_code, .. } => error_code.as_deref(),
            _ => None,
        }
    }

    /// The service's clock when it refused (UTC), to the second.
    #[must_use]
    pub fn served(&self) -> Option<time::OffsetDateTime> {
        match self.source.kind() {
            azure_core::error::ErrorKind::HttpResponse { raw_response: Some(response), .. } => {
                blobs::date(response.headers())
            }
            _ => None,
        }
    }

    /// True when waiting cannot help: someone has to change a setting or a role.
    #[must_use]
    pub fn is_configuration(&self) -> bool {
        matches!(self.status(), Some(400..=407))
    }

    fn advice(&self) -> &'static str {
        match self.status() {
            Some(401 | 403) => {
                " (the identity lacks a role on the storage account, or a firewall keeps it out: \
                 it needs Storage Blob Data Contributor on the export account; on the host account Storage Blob Data Owner and Storage Queue Data Contributor)"
            }
            Some(404) => " (it does not exist: compare the account, container and queue names in the settings)",
            None => {
                " (no answer: compare the account's name in EXPORT_STORAGE and AzureWebJobsStorage, and see that the network lets us out)"
            }
            _ => "",
        }
    }
}
