//! Blobs of one storage account, as the flow needs them. Every write carries `If-Match`; what a caller sees of a refusal is
//! [`Outcome::Changed`] or [`Outcome::Gone`], never a status code.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use azure_core::http::headers::Headers;
use azure_core::http::{Etag, RequestContent, StatusCode};
use azure_storage_blob::models::{
    AppendBlobClientCreateOptions, BlobClientDeleteOptions, BlobClientGetPropertiesResultHeaders,
    BlobClientSetMetadataOptions, BlobContainerClientListBlobsOptions, BlobType, BlockBlobClientUploadOptions,
    ListBlobsIncludeItem,
};
use azure_storage_blob::{BlobClient, BlobServiceClient};
use bytes::Bytes;
use futures::{Stream, StreamExt as _, TryStreamExt as _};
use time::OffsetDateTime;
use tokio::time::Instant;

use super::StorageError;
use crate::retry::Backoff;

/// Blobs in a page of a listing. The service would give 5000, which are several MB in memory, and several containers are listed at a time.
const PAGE: i32 = 1000;

/// How long a blob is tried to be written.
const PUT_TRIES: Duration = Duration::from_secs(30);

/// One account's blobs. Cheap to clone; all clones share the connections.
#[derive(Clone)]
pub struct Blobs(pub(super) Arc<BlobServiceClient>);

/// The version of a blob's state, as the service names it (an ETag). Every write to the blob, ours included, changes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version(pub(super) String);

/// A blob's properties at one moment, by the service's own clock.
#[derive(Debug, Clone)]
pub struct Properties {
    /// Length in bytes.
    pub length: u64,
    /// The version that all this is true of.
    pub version: Version,
    /// When the blob was created (UTC): a blob deleted and created anew has another one.
    pub created: OffsetDateTime,
    /// When blob or metadata were last written (UTC).
    pub modified: OffsetDateTime,
    /// The service's time of the answer (UTC), so that ages are judged by one clock.
    pub now: OffsetDateTime,
    /// True for an append blob, which may still grow.
    pub append: bool,
    /// The metadata, names in lower case.
    pub metadata: BTreeMap<String, String>,
}

/// One line of a listing. It carries no version: the listing's ETags are written differently from those that conditions take.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The blob's name in its container.
    pub name: String,
    /// Length in bytes.
    pub length: u64,
    /// When the blob was created (UTC).
    pub created: OffsetDateTime,
    /// When blob or metadata were last written (UTC).
    pub modified: OffsetDateTime,
    /// True for an append blob.
    pub append: bool,
    /// The metadata, names in lower case.
    pub metadata: BTreeMap<String, String>,
}

/// What became of a conditional write.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done; this is the new version (none after a delete).
    Done(Option<Version>),
    /// The blob is not at that version any more.
    Changed,
    /// There is no such blob.
    Gone,
}

impl Blobs {
    pub(super) fn new(service: BlobServiceClient) -> Self {
        Self(Arc::new(service))
    }

    /// The account's blob endpoint.
    #[must_use]
    pub fn endpoint(&self) -> url::Url {
        let mut url = self.0.url().clone();
        url.set_query(None); // A SAS stands there.
        url
    }

    pub(super) fn client(&self, container: &str, name: &str) -> BlobClient {
        self.0.blob_client(container, name)
    }

    /// The blob's properties, or none when it does not exist.
    ///
    /// # Errors
    /// Any other answer than 200 and 404, and no answer.
    pub async fn properties(&self, container: &str, name: &str) -> Result<Option<Properties>, StorageError> {
        let doing = || format!("look at blob {container}/{name}");
        match self.client(container, name).get_properties(None).await {
            Ok(response) => {
                let missing = || StorageError::unexpected(doing(), "the answer lacks a standard header");
                Ok(Some(Properties {
                    length: response.content_length().ok().flatten().ok_or_else(missing)?,
                    version: version(response.headers()).ok_or_else(missing)?,
                    created: response.creation_time().ok().flatten().ok_or_else(missing)?,
                    modified: response.last_modified().ok().flatten().ok_or_else(missing)?,
                    now: date(response.headers()).ok_or_else(missing)?,
                    append: response.blob_type().ok().flatten() == Some(BlobType::AppendBlob),
                    metadata: lower_case(response.metadata().unwrap_or_default()),
                }))
            }
            Err(error) if error.http_status() == Some(StatusCode::NotFound) => Ok(None),
            Err(error) => Err(StorageError::new(doing(), error)),
        }
    }

    /// Replaces the blob's metadata if it is still at `version`.
    ///
    /// # Errors
    /// Any answer that says neither "done", "changed" nor "gone", and no answer: then it is not known whether it was done.
    pub async fn set_metadata(
        &self,
        container: &str,
        name: &str,
        metadata: &BTreeMap<String, String>,
        version: &Version,
    ) -> Result<Outcome, StorageError> {
        let options =
            BlobClientSetMetadataOptions { if_match: Some(Etag::from(version.0.clone())), ..Default::default() };
        let metadata: HashMap<String, String> = metadata.clone().into_iter().collect();
        let result = self.client(container, name).set_metadata(&metadata, Some(options)).await;
        let doing = || format!("set metadata of blob {container}/{name}");
        match result {
            Ok(response) => self::version(response.headers())
                .map(|version| Outcome::Done(Some(version)))
                .ok_or_else(|| StorageError::unexpected(doing(), "the answer lacks an ETag")),
            Err(error) => refused(error, doing),
        }
    }

    /// Deletes the blob if it is still at `version`.
    ///
    /// # Errors
    /// Any answer that says neither "done", "changed" nor "gone", and no answer: then it is not known whether it was done.
    pub async fn delete(&self, container: &str, name: &str, version: &Version) -> Result<Outcome, StorageError> {
        let options = BlobClientDeleteOptions { if_match: Some(Etag::from(version.0.clone())), ..Default::default() };
        match self.client(container, name).delete(Some(options)).await {
            Ok(_) => Ok(Outcome::Done(None)),
            Err(error) => refused(error, || format!("delete blob {container}/{name}")),
        }
    }

    /// The containers whose names begin with `prefix`, page by page.
    pub fn containers(&self, prefix: &str) -> impl Stream<Item = Result<String, StorageError>> + Send + use<> {
        self.container_facts(prefix).map_ok(|container| container.name)
    }

    /// The blobs of a container whose names begin with `prefix`, with their metadata, page by page in the order of their names.
    pub fn list(
        &self,
        container: &str,
        prefix: &str,
    ) -> impl Stream<Item = Result<Listed, StorageError>> + Send + use<> {
        let doing = format!("list blobs {container}/{prefix}*");
        let options = BlobContainerClientListBlobsOptions {
            include: Some(vec![ListBlobsIncludeItem::Metadata]),
            prefix: (!prefix.is_empty()).then(|| prefix.to_owned()),
            maxresults: Some(PAGE),
            ..Default::default()
        };
        let container = self.0.blob_container_client(container);
        futures::stream::once(async move { container.list_blobs(Some(options)) })
            .try_flatten()
            .map_err(move |error| StorageError::new(doing.clone(), error))
            .try_filter_map(|item| async move { Ok(listed(item)) })
    }

    /// The whole blob, for small ones that we wrote ourselves.
    ///
    /// # Errors
    /// Any answer but success.
    pub async fn get(&self, container: &str, name: &str) -> Result<(Bytes, Version), StorageError> {
        let doing = || format!("read blob {container}/{name}");
        let result =
            self.client(container, name).download(None).await.map_err(|error| StorageError::new(doing(), error))?;
        let version =
            version(&result.headers).ok_or_else(|| StorageError::unexpected(doing(), "the answer lacks an ETag"))?;
        let mut body = Vec::new();
        let mut stream = result.body;
        while let Some(chunk) = stream.next().await {
            body.extend_from_slice(&chunk.map_err(|error| StorageError::new(doing(), error))?);
        }
        Ok((body.into(), version))
    }

    /// Writes a whole block blob, over whatever stands there. Creates the container when it is missing. Tried for half a minute whatever storage answers:
    /// what is written so is owed to rows that went their way already.
    ///
    /// # Errors
    /// Any answer but success.
    pub async fn put(&self, container: &str, name: &str, body: Bytes) -> Result<(), StorageError> {
        self.put_with(container, name, body, &BTreeMap::new()).await
    }

    /// As [`Self::put`], with metadata.
    ///
    /// # Errors
    /// Any answer but success.
    pub async fn put_with(
        &self,
        container: &str,
        name: &str,
        body: Bytes,
        metadata: &BTreeMap<String, String>,
    ) -> Result<(), StorageError> {
        let options = || BlockBlobClientUploadOptions {
            metadata: Some(metadata.clone().into_iter().collect()),
            ..Default::default()
        };
        let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));
        let end = Instant::now() + PUT_TRIES;
        loop {
            let Err(error) = self.upload(container, name, &body, options).await else {
                return Ok(());
            };
            let left = end.saturating_duration_since(Instant::now());
            let Some(wait) = backoff.next(fastrand::f64(), None, left) else {
                return Err(StorageError::new(format!("write blob {container}/{name}"), error));
            };
            tokio::time::sleep(wait).await;
        }
    }

    /// Appends to an append blob, which is created when it is missing, with its container. Tried for half a minute whatever storage answers; after an answer
    /// that was lost, the bytes may stand there twice.
    ///
    /// # Errors
    /// Any answer but success.
    pub async fn append(&self, container: &str, name: &str, bytes: &Bytes) -> Result<(), StorageError> {
        let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));
        let end = Instant::now() + PUT_TRIES;
        loop {
            let Err(error) = self.append_once(container, name, bytes).await else { return Ok(()) };
            let left = end.saturating_duration_since(Instant::now());
            let Some(wait) = backoff.next(fastrand::f64(), None, left) else {
                return Err(StorageError::new(format!("append to blob {container}/{name}"), error));
            };
            tokio::time::sleep(wait).await;
        }
    }

    async fn append_once(&self, container: &str, name: &str, bytes: &Bytes) -> azure_core::Result<()> {
        let blob = self.client(container, name).append_blob_client();
        let append = || async {
            let length = bytes.len() as u64;
            blob.append_block(RequestContent::from(bytes.to_vec()), length, None).await.map(drop)
        };
        match append().await {
            Err(error) if error.http_status() == Some(StatusCode::NotFound) => {
                let exists = |result: azure_core::Result<()>| match result {
                    Err(error) if error.http_status() != Some(StatusCode::Conflict) => Err(error),
                    _ => Ok(()),
                };
                exists(self.0.blob_container_client(container).create(None).await.map(drop))?;
                let options =
                    AppendBlobClientCreateOptions { if_none_match: Some(Etag::from("*")), ..Default::default() };
                exists(blob.create(Some(options)).await.map(drop))?;
                append().await
            }
            result => result,
        }
    }

    /// Writes a whole block blob with its metadata if it is still at `version`, or, without one, if there is none. Creates the container when it is
    /// missing.
    ///
    /// # Errors
    /// Any answer that says neither "done" nor "changed", and no answer: then it is not known whether it was done.
    pub async fn put_if(
        &self,
        container: &str,
        name: &str,
        (body, metadata): (Bytes, &BTreeMap<String, String>),
        version: Option<&Version>,
    ) -> Result<Outcome, StorageError> {
        let doing = || format!("write blob {container}/{name}");
        let options = || BlockBlobClientUploadOptions {
            metadata: Some(metadata.clone().into_iter().collect()),
            if_match: version.map(|version| Etag::from(version.0.clone())),
            if_none_match: version.is_none().then(|| Etag::from("*")),
            ..Default::default()
        };
        match self.upload(container, name, &body, options).await {
            Ok(Some(version)) => Ok(Outcome::Done(Some(version))),
            Ok(None) => Err(StorageError::unexpected(doing(), "the answer lacks an ETag")),
            // What the service says where there is a blob and none was wanted.
            Err(error) if error.http_status() == Some(StatusCode::Conflict) => Ok(Outcome::Changed),
            Err(error) => refused(error, doing),
        }
    }

    async fn upload<'a>(
        &self,
        container: &str,
        name: &str,
        body: &Bytes,
        options: impl Fn() -> BlockBlobClientUploadOptions<'a>,
    ) -> azure_core::Result<Option<Version>> {
        let upload = || async {
            self.client(container, name).upload(RequestContent::from(body.to_vec()), Some(options())).await
        };
        let result = match upload().await {
            Err(error) if error.http_status() == Some(StatusCode::NotFound) => {
                match self.0.blob_container_client(container).create(None).await {
                    Err(error) if error.http_status() != Some(StatusCode::Conflict) => return Err(error),
                    _ => {}
                }
                upload().await
            }
            result => result,
        }?;
        Ok(result.etag.map(|etag| Version(etag.to_string())))
    }
}

/// Sorts a refused conditional write. After a delete whose answer was lost, the repeat sees 404, or 412 on some services:
/// both mean that the caller has to look again before it decides.
fn refused(error: azure_core::Error, doing: impl Fn() -> String) -> Result<Outcome, StorageError> {
    match error.http_status() {
        Some(StatusCode::PreconditionFailed) => Ok(Outcome::Changed),
        Some(StatusCode::NotFound) => Ok(Outcome::Gone),
        _ => Err(StorageError::new(doing(), error)),
    }
}

fn listed(item: azure_storage_blob::models::BlobItem) -> Option<Listed> {
    let properties = item.properties?;
    Some(Listed {
        name: item.name?,
        length: properties.content_length?,
        created: properties.creation_time?,
        modified: properties.last_modified?,
        append: properties.blob_type == Some(BlobType::AppendBlob),
        metadata: lower_case(item.metadata.and_then(|metadata| metadata.values).unwrap_or_default()),
    })
}

/// Metadata names ignore case, and headers and listings write them differently: ours are compared in lower case.
fn lower_case(metadata: HashMap<String, String>) -> BTreeMap<String, String> {
    metadata.into_iter().map(|(name, value)| (name.to_lowercase(), value)).collect()
}

pub(super) fn version(headers: &Headers) -> Option<Version> {
    headers.get_optional_string(&"etag".into()).map(Version)
}

pub(super) fn date(headers: &Headers) -> Option<OffsetDateTime> {
    azure_core::time::parse_rfc7231(headers.get_optional_str(&"date".into())?).ok()
}
