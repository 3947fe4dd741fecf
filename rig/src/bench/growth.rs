//! How time and memory grow with the number of blobs, the number of tables and the size of a blob: `cargo bench-ship -- --growth`.

use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use time::macros::datetime;

use super::corpus::Corpus;
use super::{Bench, child, megabytes, size_name};
use crate::demo::print;
use crate::writer::{blob_name, container};

/// Tables of the cases that vary something else.
const TABLES: u64 = 20;
/// Blobs of the case that varies the tables.
const BLOBS: u64 = 20_000;
/// Bytes of a small blob, at most.
const SMALL: u64 = 2000;

/// What a blob holds that has no work, and one that has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// All of it is shipped, and it may still grow.
    Shipped,
    /// A row or two.
    Small,
}

impl Bench {
    /// Measures all of it and prints a table.
    ///
    /// # Errors
    /// The program does not end well, or leaves something.
    pub(super) async fn growth(&self) -> anyhow::Result<()> {
        print(
            "TLS, zstd level 1\n\n| | CPU s | CPU for each | wall s | peak MB | storage operations for each |\n|---|--:|--:|--:|--:|--:|\n",
        );
        self.cold_start().await?;
        for blobs in [1000, 10_000, 100_000] {
            self.blobs(&format!("sweep over {blobs} blobs without work"), Kind::Shipped, blobs, TABLES).await?;
        }
        for tables in [5, 50, 500] {
            self.blobs(&format!("sweep over {BLOBS} such blobs in {tables} tables"), Kind::Shipped, BLOBS, tables)
                .await?;
        }
        for blobs in [1000, 10_000, 100_000] {
            self.blobs(&format!("ship {blobs} blobs of 2 kB"), Kind::Small, blobs, TABLES).await?;
        }
        for size in [4 << 20, 256 << 20, 4 << 30] {
            self.one(size).await?;
        }
        Ok(())
    }

    /// From the start of the process to its end, one blob shipped and deleted: less than the hundredths of a second that the kernel counts CPU time in.
    async fn cold_start(&self) -> anyhow::Result<()> {
        const TIMES: u32 = 50;
        let (mut wall, mut peak) = (Duration::ZERO, 0);
        for _ in 0..TIMES {
            self.fill(Kind::Small, 1, 1)?;
            let command = self.program(&self.program, &self.endpoints.tls);
            let cost = tokio::task::spawn_blocking(|| child::run(command)).await??;
            (wall, peak) = (wall + cost.wall, peak.max(cost.peak));
        }
        print(&format!(
            "| start, ship one blob of 2 kB, end | | | {:.3} | {:.1} | |\n",
            (wall / TIMES).as_secs_f64(),
            megabytes(peak)
        ));
        Ok(())
    }

    async fn blobs(&self, what: &str, kind: Kind, blobs: u64, tables: u64) -> anyhow::Result<()> {
        self.fill(kind, blobs, tables)?;
        self.line(what, blobs, "blob").await?;
        let left = self.endpoints.storage.blobs() as u64;
        let wanted = if kind == Kind::Small { 0 } else { blobs };
        ensure!(left == wanted, "{left} blobs are left of {blobs}");
        Ok(())
    }

    fn fill(&self, kind: Kind, blobs: u64, tables: u64) -> anyhow::Result<()> {
        let storage = &self.endpoints.storage;
        storage.clear();
        let corpus = Arc::new(Corpus::new(1, "Syslog", 1));
        let length = corpus.length(SMALL);
        for number in 0..blobs {
            let container = container(&format!("Table{:03}", number % tables));
            let name = blob_name(datetime!(2026-11-25 08:00 UTC), u32::try_from(number / tables)?);
            match kind {
                Kind::Shipped => storage.put_shipped(container, name, Arc::clone(&corpus), length),
                Kind::Small => storage.put(container, name, Arc::clone(&corpus), length),
            }
        }
        Ok(())
    }

    async fn one(&self, size: u64) -> anyhow::Result<()> {
        let storage = &self.endpoints.storage;
        storage.clear();
        let corpus = &self.corpora[0];
        let length = corpus.length(size);
        storage.put(
            container(&corpus.table),
            blob_name(datetime!(2026-11-25 08:00 UTC), 0),
            Arc::clone(corpus),
            length,
        );
        self.line(&format!("ship one blob of {}", size_name(size)), length / 1_000_000, "MB").await?;
        let arrived = self.endpoints.sink.take();
        ensure!(arrived.bytes == length && storage.blobs() == 0, "{} bytes arrived of {length}", arrived.bytes);
        Ok(())
    }

    async fn line(&self, what: &str, number: u64, each: &str) -> anyhow::Result<()> {
        self.endpoints.storage.take_operations();
        self.endpoints.sink.take();
        let command = self.program(&self.program, &self.endpoints.tls);
        let cost = tokio::task::spawn_blocking(|| child::run(command)).await??;
        let operations: u64 = self.endpoints.storage.take_operations().values().sum();
        let cpu = cost.cpu.as_secs_f64();
        print(&format!(
            "| {what} | {cpu:.2} | {:.3} ms/{each} | {:.1} | {:.1} | {:.3}/{each} |\n",
            cpu * 1000.0 / number as f64,
            cost.wall.as_secs_f64(),
            megabytes(cost.peak),
            operations as f64 / number as f64
        ));
        Ok(())
    }
}
