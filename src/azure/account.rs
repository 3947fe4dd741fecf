//! What an account says of itself, and a container of one's own to try things in: for `check`, which asks what nothing else needs to know.
//!
//! Sources, pages of the Blob Storage REST API reference: Get Account Information has `x-ms-account-kind`, `x-ms-sku-name` and `x-ms-is-hns-enabled`; Get Blob
//! Service Properties has `DeleteRetentionPolicy`; List Containers has `HasImmutabilityPolicy` and `HasLegalHold`; Put Blob has `x-ms-version-id`; Delete Blob
//! has `x-ms-delete-type-permanent`.

use azure_core::http::RequestContent;
use azure_storage_blob::models::{
    BlobServiceClientGetAccountInfoResultHeaders as _, BlobServiceClientListContainersOptions,
};
use bytes::Bytes;
use futures::{Stream, TryStreamExt as _};
use time::OffsetDateTime;

use super::blobs::date;
use super::{Blobs, StorageError};

/// What an account is.
#[derive(Debug, Clone)]
pub struct AccountFacts {
    /// Such as `StorageV2`; empty where it is not said.
    pub kind: String,
    /// Such as `Standard_LRS`; empty where it is not said.
    pub sku: String,
    /// Whether it has a hierarchical namespace.
    pub hierarchical: bool,
    /// The service's clock (UTC), to the second.
    pub served: Option<OffsetDateTime>,
}

/// A container in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// Whether a retention policy or a legal hold lies on it: blobs in it can be created and read, and neither changed nor deleted.
    pub immutable: bool,
}

/// How a blob was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    /// It is gone.
    ForGood,
    /// It is kept for a while, and billed.
    Softly,
    /// The service does not say.
    Unsaid,
}

impl Blobs {
    /// Asks what the account is.
    ///
    /// # Errors
    /// Any answer but success.
    pub async fn account(&self) -> Result<AccountFacts, StorageError> {
        let answer = self.0.get_account_info(None).await;
        let answer = answer.map_err(|error| StorageError::new("ask for the kind of the account".to_owned(), error))?;
        Ok(AccountFacts {
            kind: answer.account_kind().ok().flatten().map(|kind| kind.to_string()).unwrap_or_default(),
            sku: answer.sku_name().ok().flatten().map(|sku| sku.to_string()).unwrap_or_default(),
            hierarchical: answer.is_hierarchical_namespace_enabled().ok().flatten() == Some(true),
            served: date(answer.headers()),
        })
    }

    /// For how many days deleted blobs are kept; none where they are not.
    ///
    /// # Errors
    /// Any answer but success. Roles for data alone do not allow to ask.
    pub async fn soft_delete_days(&self) -> Result<Option<i32>, StorageError> {
        let properties = self.0.get_properties(None).await.and_then(|answer| answer.into_model());
        let properties = properties
            .map_err(|error| StorageError::new("ask for the properties of the blob service".to_owned(), error))?;
        let policy = properties.delete_retention_policy;
        Ok(policy.filter(|policy| policy.enabled == Some(true)).map(|policy| policy.days.unwrap_or_default()))
    }

    /// The containers whose names begin with `prefix`, page by page.
    pub fn container_facts(&self, prefix: &str) -> impl Stream<Item = Result<Container, StorageError>> + Send + use<> {
        let doing = format!("list containers {prefix}*");
        let prefix = (!prefix.is_empty()).then(|| prefix.to_owned());
        let options = BlobServiceClientListContainersOptions { prefix, ..Default::default() };
        let service = self.0.clone();
        futures::stream::once(async move { service.list_containers(Some(options)) })
            .try_flatten()
            .map_err(move |error| StorageError::new(doing.clone(), error))
            .map_ok(|item| {
                let properties = item.properties.unwrap_or_default();
                let holds = [properties.has_immutability_policy, properties.has_legal_hold];
                Container { name: item.name.unwrap_or_default(), immutable: holds.contains(&Some(true)) }
            })
    }

    /// Creates a container.
    ///
    /// # Errors
    /// Any answer but success; also where it exists.
    pub async fn create_container(&self, name: &str) -> Result<(), StorageError> {
        let created = self.0.blob_container_client(name).create(None).await;
        created.map(drop).map_err(|error| StorageError::new(format!("create container {name}"), error))
    }

    /// Deletes a container with everything in it.
    ///
    /// # Errors
    /// Any answer but success.
    pub async fn delete_container(&self, name: &str) -> Result<(), StorageError> {
        let deleted = self.0.blob_container_client(name).delete(None).await;
        deleted.map(drop).map_err(|error| StorageError::new(format!("delete container {name}"), error))
    }

    /// Writes a blob, once; true where the account keeps versions of blobs.
    ///
    /// # Errors
    /// Any answer but success.
    pub async fn write_once(&self, container: &str, name: &str, body: Bytes) -> Result<bool, StorageError> {
        let doing = || format!("write blob {container}/{name}");
        let written = self.client(container, name).upload(RequestContent::from(body.to_vec()), None).await;
        Ok(written.map_err(|error| StorageError::new(doing(), error))?.version_id.is_some())
    }

    /// Deletes a blob whatever its version, and says how.
    ///
    /// # Errors
    /// Any answer but success.
    pub async fn delete_once(&self, container: &str, name: &str) -> Result<Deleted, StorageError> {
        let doing = || format!("delete blob {container}/{name}");
        let answer = self.client(container, name).delete(None).await;
        let answer = answer.map_err(|error| StorageError::new(doing(), error))?;
        Ok(match answer.headers().get_optional_str(&"x-ms-delete-type-permanent".into()) {
            Some("true") => Deleted::ForGood,
            Some("false") => Deleted::Softly,
            _ => Deleted::Unsaid,
        })
    }
}
