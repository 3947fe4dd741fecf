//! A small blob that is ours as long as we write it often enough. Whoever finds it unwritten for longer than its claim holds may take it over.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use crate::azure::{Blobs, Outcome, Properties, StorageError, Version};

/// A blob that we claimed, and the version of it that we wrote.
pub struct Claimed {
    blobs: Blobs,
    container: String,
    name: String,
    version: Version,
    /// Before the write that renewed it: the claim may have begun that early.
    renewed: Instant,
    claim_for: Duration,
}

impl Claimed {
    /// Claims a blob that is still at `version`, or, without one, that does not exist, by writing it. None when somebody else was quicker.
    ///
    /// # Errors
    /// Storage.
    pub async fn claim(
        blobs: &Blobs,
        (container, name): (&str, &str),
        content: (Bytes, &BTreeMap<String, String>),
        version: Option<&Version>,
        claim_for: Duration,
    ) -> Result<Option<Self>, StorageError> {
        let renewed = Instant::now();
        let Outcome::Done(Some(version)) = blobs.put_if(container, name, content, version).await? else {
            return Ok(None);
        };
        let (blobs, container, name) = (blobs.clone(), container.to_owned(), name.to_owned());
        Ok(Some(Self { blobs, container, name, version, renewed, claim_for }))
    }

    /// When it should be written again, so that nobody takes it over.
    #[must_use]
    pub fn renew_at(&self) -> Instant {
        self.renewed + self.claim_for / 3
    }

    /// Writes it and so renews the claim. False when somebody else took it over.
    ///
    /// # Errors
    /// Storage.
    pub async fn store(&mut self, body: Bytes, metadata: &BTreeMap<String, String>) -> Result<bool, StorageError> {
        let renewed = Instant::now();
        let written = (body.clone(), metadata);
        match self.blobs.put_if(&self.container, &self.name, written, Some(&self.version)).await? {
            Outcome::Done(Some(version)) => (self.version, self.renewed) = (version, renewed),
            _ => {
                // Perhaps it was ours, and only its answer was lost.
                let seen = self.blobs.properties(&self.container, &self.name).await?;
                let ours = |seen: &Properties| seen.metadata == *metadata && seen.length == body.len() as u64;
                let Some(seen) = seen.filter(ours) else { return Ok(false) };
                (self.version, self.renewed) = (seen.version, renewed);
            }
        }
        Ok(true)
    }

    /// Removes it, if it is still ours.
    ///
    /// # Errors
    /// Storage.
    pub async fn delete(self) -> Result<(), StorageError> {
        self.blobs.delete(&self.container, &self.name, &self.version).await.map(drop)
    }
}
