//! How fast a sweep looks through blobs that have no work, and in how much memory.

use std::sync::Arc;

use time::macros::datetime;

use super::corpus::Corpus;
use super::{Bench, child, megabytes};
use crate::demo::print;
use crate::writer::{blob_name, container};

/// Tables that the blobs are spread over.
const TABLES: u64 = 20;

impl Bench {
    /// Sweeps over so many blobs of which all is shipped and which may still grow.
    ///
    /// # Errors
    /// The program does not end well.
    pub(super) async fn listing(&self, blobs: u64) -> anyhow::Result<()> {
        let storage = &self.endpoints.storage;
        storage.clear();
        let corpus = Arc::new(Corpus::new(1, "Syslog", 1));
        for number in 0..blobs {
            let container = container(&format!("Table{:02}", number % TABLES));
            let name = blob_name(datetime!(2026-11-25 08:00 UTC), u32::try_from(number / TABLES)?);
            storage.put_shipped(container, name, Arc::clone(&corpus), corpus.length(1));
        }
        let command = self.program(&self.program, &self.endpoints.tls);
        let cost = tokio::task::spawn_blocking(|| child::run(command)).await??;
        print(&format!(
            "\nsweep over {blobs} blobs without work in {TABLES} tables, TLS: {:.0} blobs/s, {:.1} s of CPU, peak {:.1} MB\n",
            blobs as f64 / cost.wall.as_secs_f64(),
            cost.cpu.as_secs_f64(),
            megabytes(cost.peak)
        ));
        storage.clear();
        Ok(())
    }
}
