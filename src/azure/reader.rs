//! Reads a stretch of a blob that may grow, be deleted or be replaced meanwhile.
//!
//! The SDK's own download locks the whole read to the first answer's ETag, so an append in the middle ends it, and it never resumes a
//! broken body. This reader asks for closed windows, one GET each, without a condition (bytes once appended never change), takes up a
//! broken body at the exact byte, and has the creation time of every answer prove that it is still the same blob.

use std::num::NonZero;
use std::time::Duration;

use azure_core::http::StatusCode;
use azure_core::http::response::AsyncResponseBody;
use azure_storage_blob::models::BlobClientDownloadOptions;
use bytes::Bytes;
use futures::StreamExt as _;
use time::OffsetDateTime;

use super::{Blobs, StorageError};

/// Bytes asked for in one GET. Larger windows gain nothing, smaller ones cost requests.
const WINDOW: u64 = 64 * 1024 * 1024;

/// Tries in a row that bring no byte before the read is given up.
const TRIES: u32 = 5;

/// An open read of `at..end` of one blob.
pub struct Reader {
    blobs: Blobs,
    container: String,
    name: String,
    created: OffsetDateTime,
    at: u64,
    end: u64,
    body: Option<AsyncResponseBody>,
    fruitless: u32,
}

/// Why a read stopped early.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The blob is gone, or is another blob of the same name by now.
    #[error("blob {0} was deleted or replaced while it was read")]
    Replaced(String),
    /// The service cannot be read from.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl Blobs {
    /// A read of the bytes `from..to` of the blob that was created at `created`.
    #[must_use]
    pub fn read(&self, container: &str, name: &str, from: u64, to: u64, created: OffsetDateTime) -> Reader {
        let (container, name) = (container.to_owned(), name.to_owned());
        Reader { blobs: self.clone(), container, name, created, at: from, end: to, body: None, fruitless: 0 }
    }
}

impl Reader {
    /// The next bytes, or none at the end of the stretch.
    ///
    /// # Errors
    /// [`ReadError`]; all bytes given so far are good.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ReadError> {
        loop {
            if self.at >= self.end {
                return Ok(None);
            }
            let body = match &mut self.body {
                Some(body) => body,
                None => {
                    let opened = self.open().await?;
                    self.body.insert(opened)
                }
            };
            match body.next().await {
                Some(Ok(mut bytes)) if !bytes.is_empty() => {
                    self.fruitless = 0;
                    // A service that sends more than was asked for must not make us read past the stretch.
                    bytes.truncate(usize::try_from(self.end - self.at).unwrap_or(usize::MAX));
                    self.at += bytes.len() as u64;
                    return Ok(Some(bytes));
                }
                Some(Ok(_)) => {}
                // The end of the window, or of a body that broke off: the next window begins at the exact byte.
                None => self.reopen(None).await?,
                Some(Err(error)) => self.reopen(Some(error)).await?,
            }
        }
    }

    async fn reopen(&mut self, error: Option<azure_core::Error>) -> Result<(), ReadError> {
        self.body = None;
        self.fruitless += 1;
        if self.fruitless < TRIES {
            tokio::time::sleep(Duration::from_millis(100) * (self.fruitless - 1)).await;
            return Ok(());
        }
        let doing = format!("read blob {}/{} at byte {}", self.container, self.name, self.at);
        Err(match error {
            Some(error) => StorageError::new(doing, error),
            None => StorageError::unexpected(doing, "the body ends too early, again and again"),
        }
        .into())
    }

    async fn open(&mut self) -> Result<AsyncResponseBody, ReadError> {
        let to = self.end.min(self.at + WINDOW);
        let options = BlobClientDownloadOptions {
            range: Some((self.at..to).into()),
            // A part as large as the range makes the SDK hand the body through unbuffered, in one request.
            partition_size: usize::try_from(to - self.at).ok().and_then(NonZero::new),
            parallel: NonZero::new(1),
            ..Default::default()
        };
        let replaced = || ReadError::Replaced(format!("{}/{}", self.container, self.name));
        match self.blobs.client(&self.container, &self.name).download(Some(options)).await {
            Ok(result) if result.properties.created_on == Some(self.created) => Ok(result.body),
            Ok(_) => Err(replaced()),
            // 416: shorter than it was, so another blob.
            Err(error)
                if matches!(
                    error.http_status(),
                    Some(StatusCode::NotFound | StatusCode::RequestedRangeNotSatisfiable)
                ) =>
            {
                Err(replaced())
            }
            Err(error) => {
                Err(StorageError::new(format!("read blob {}/{} at byte {}", self.container, self.name, self.at), error)
                    .into())
            }
        }
    }
}
