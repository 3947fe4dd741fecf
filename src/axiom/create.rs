//! Datasets that are missing: each is created once, however many batches wait for it. Ingest never creates one.

use std::collections::HashSet;

use tokio::sync::Mutex;

use super::answer::Setback;
use super::http::Http;

/// Datasets that are known to exist.
#[derive(Debug, Default)]
pub(super) struct Datasets {
    known: Mutex<HashSet<String>>,
}

impl Datasets {
    /// Creates `dataset` unless that was done before; `anew` asks Axiom even then, because somebody may have deleted it.
    pub(super) async fn ensure(
        &self,
        http: &Http,
        dataset: &str,
        anew: bool,
    ) -> Result<Result<(), Setback>, reqwest::Error> {
        // Held during the request on purpose: the others wait for it instead of asking as well.
        let mut known = self.known.lock().await;
        if known.contains(dataset) && !anew {
            return Ok(Ok(()));
        }
        let created = http.create(dataset).await?;
        if created.is_ok() {
            known.insert(dataset.to_owned());
        }
        Ok(created)
    }
}
