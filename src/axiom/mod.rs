//! Delivery to Axiom: a batch goes in, and either the proof that all of it is there comes out, or the reason why not.
//!
//! `answer` (what an answer means), `dataset`, `labels` and the cutting in `piece` are pure; `packed` compresses; `http` sends; `delivery` acts on the answers, `tries` waits.

mod advice;
mod again;
pub mod answer;
mod compress;
mod create;
pub mod dataset;
mod delivery;
mod http;
pub mod labels;
pub mod look;
pub mod manage;
mod outcome;
mod packed;
mod piece;
pub mod query;
mod storm;
mod text;
mod tries;
mod wait;

pub use http::ConnectError;
pub use outcome::{Cause, Delivered, Tally, Undelivered};
pub use packed::Packed;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::batch::Batch;
use crate::retry::Backoff;
use crate::settings::AxiomSettings;
use delivery::Delivery;
use http::{Http, Timeouts};
use tries::{Pause, Tries};

/// In the description of everything that we make in Axiom: what lacks it is somebody else's, and never changed.
pub const MARK: &str = "Written by sentinel-axiom";

/// Axiom, as everything in the program sees it. Clones share connections, limits and what was learnt.
#[derive(Clone)]
pub struct Axiom(Arc<Inner>);

struct Inner {
    settings: AxiomSettings,
    http: Http,
    backoff: Backoff,
    zstd: compress::Zstd,
    pause: Pause,
    datasets: create::Datasets,
    storm: storm::Storm,
    /// Largest body that Axiom is believed to take, in bytes before compression.
    largest_body: AtomicUsize,
}

/// Where a batch goes, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// Name of the dataset.
    pub dataset: String,
    /// `container/name` of the blob, for the column `source_blob`; `None` for rows out of no blob. Sent only where `AXIOM_PROVENANCE` is on.
    pub blob: Option<String>,
}

impl Axiom {
    /// Makes a client. Nothing is sent yet.
    ///
    /// # Errors
    /// When the settings cannot be put into a request, or the system has no CA certificates.
    pub fn connect(settings: AxiomSettings) -> Result<Self, ConnectError> {
        let timeouts = Timeouts { connect: Duration::from_secs(10), request: Duration::from_secs(60) };
        Self::connect_with(settings, timeouts, Backoff::new(Duration::from_millis(200), Duration::from_secs(30)))
    }

    fn connect_with(settings: AxiomSettings, timeouts: Timeouts, backoff: Backoff) -> Result<Self, ConnectError> {
        let http = Http::new(&settings, timeouts)?;
        Ok(Self(Arc::new(Inner {
            settings,
            http,
            backoff,
            zstd: compress::Zstd::default(),
            pause: Pause::default(),
            datasets: create::Datasets::default(),
            storm: storm::Storm::default(),
            largest_body: AtomicUsize::new(usize::MAX),
        })))
    }

    /// Makes a batch ready to be sent: compresses it at zstd `level` (1 to 19).
    pub async fn pack(&self, batch: Batch, level: i32) -> Packed {
        Packed::new(&self.0.zstd, batch, level, self.0.largest_body()).await
    }

    /// Delivers a batch. No request starts after `deadline`; one that is under way then may take its 60 s.
    ///
    /// A batch without rows needs no request.
    ///
    /// # Errors
    /// When a row of the batch may be neither in Axiom nor among the refused ones. The source must keep all of the batch then.
    pub async fn deliver(&self, to: &Destination, packed: Packed, deadline: Instant) -> Result<Delivered, Undelivered> {
        let tries = Tries::new(&self.0.pause, self.0.backoff.clone(), deadline);
        Delivery::new(&self.0, to, packed, tries).run().await
    }

    /// The dataset of a table; see [`dataset::dataset_for`].
    #[must_use]
    pub fn dataset_for(&self, table_from_rows: Option<&str>, container_table: &str) -> String {
        dataset::dataset_for(&self.0.settings.datasets, table_from_rows, container_table)
    }

    /// Axiom's id of the edge deployment that rows go to; `None` where that is the organisation's default.
    #[must_use]
    pub fn deployment(&self) -> Option<String> {
        self.0.http.deployment()
    }

    /// How long nothing should be sent, because Axiom asked for a pause or trouble outlasted a visit. Visits that start now should end at once.
    #[must_use]
    pub fn paused(&self) -> Option<Duration> {
        self.0.pause.left()
    }
}

impl fmt::Debug for Axiom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Axiom").field("ingest", &self.0.settings.ingest).finish_non_exhaustive()
    }
}

impl Inner {
    fn largest_body(&self) -> usize {
        self.largest_body.load(Ordering::Relaxed)
    }

    /// A body of `size` bytes was too large: from now on batches are cut to half of it, but not below `least`.
    fn remember_too_large(&self, size: usize, least: usize) {
        self.largest_body.fetch_min((size / 2).max(least), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
