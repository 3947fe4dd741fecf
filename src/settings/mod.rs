//! The settings: one table, read once at start from the variables that the caller passes in, all problems reported together.
//!
//! Nothing here reads the environment, so that a test can give any settings without touching its process.

mod axiom;
mod endpoint;
mod level;
mod log_analytics;
mod platform;
mod problem;
mod pulls;
mod readable;
mod reader;
mod resource_graph;
mod storage;
mod table;
mod tables;
mod typos;

pub use axiom::{AxiomSettings, DatasetRule, Door, TokenKind, is_dataset};
pub(crate) use endpoint::parse as endpoint;
pub use level::ZstdLevel;
pub(crate) use log_analytics::is_guid;
pub use log_analytics::{HistorySettings, LogAnalyticsSettings};
pub use platform::{Identity, Platform};
pub use problem::{Problem, Problems};
pub use pulls::{HuntingApi, HuntingSettings, PullSettings, PullsFrom};
pub use readable::Readable;
pub use resource_graph::ResourceGraphSettings;
pub use storage::Storage;
pub use table::{SETTINGS, Setting};
pub use tables::TableFilter;

use crate::batch::BatchLimits;
use problem::quote;
use reader::Reader;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Everything that can be set, checked and typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The Axiom side.
    pub axiom: AxiomSettings,
    /// The dataset for what the program tells of itself; none where it tells nothing.
    pub telemetry_dataset: Option<String>,
    /// The account that data export writes to.
    pub export: Storage,
    /// The host's account, with the work queue and the refused rows. Its queue endpoint is always there.
    pub host_storage: Storage,
    /// The workspace that history is read from.
    pub log_analytics: Option<LogAnalyticsSettings>,
    /// Where history is kept account of, and where it may go.
    pub history: HistorySettings,
    /// What is pulled by queries, again and again.
    pub pulls: PullSettings,
    /// What snapshots are read from.
    pub resource_graph: ResourceGraphSettings,
    /// Name of the queue that Event Grid and the sweep write to.
    pub work_queue: String,
    /// Name of the container for rows set aside.
    pub refused_container: String,
    /// Name of the container for what was delivered of blobs that are gone.
    pub receipts_container: String,
    /// Name of the container for messages of an Event Hub that wait.
    pub events_container: String,
    /// Quiet time before a shipped append blob is deleted.
    pub settle_after: Duration,
    /// What becomes of a blob that is delivered in full.
    pub after_delivery: AfterDelivery,
    /// Which tables are shipped.
    pub tables: TableFilter,
    /// Limits of a batch and of a row.
    pub batch: BatchLimits,
    /// Requests to Axiom in flight per visit.
    pub uploads: usize,
    /// How hard batches are compressed.
    pub zstd_level: ZstdLevel,
    /// Time after which a visit stops shipping.
    pub visit_deadline: Duration,
    /// How long a visit's claim on a blob holds without being renewed.
    pub claim_for: Duration,
    /// Pause between two sweeps of `run`.
    pub run_every: Duration,
    /// Visits at a time of `run`.
    pub visits: usize,
    /// Least severe line that is logged.
    pub log_level: tracing::Level,
}

/// What becomes of a blob that is delivered in full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterDelivery {
    /// It is deleted once it is settled.
    Delete,
    /// It stays.
    Keep,
}

/// Seconds that `SETTLE_AFTER` may be.
const SETTLE_AFTER: RangeInclusive<u64> = 1..=172_800;

/// The words of `AFTER_DELIVERY`.
const AFTER_DELIVERY: [(&str, AfterDelivery); 2] = [("delete", AfterDelivery::Delete), ("keep", AfterDelivery::Keep)];

/// The settings of `provision`, which reaches Axiom alone: it runs where there is no storage, too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvisionSettings {
    /// The Axiom side.
    pub axiom: AxiomSettings,
    /// The tables of `TABLES` that are not among `TABLES_EXCEPT`, as written.
    pub tables: Vec<String>,
    /// What is pulled by queries.
    pub pulls: PullSettings,
    /// Least severe line that is logged.
    pub log_level: tracing::Level,
}

impl ProvisionSettings {
    /// Reads the settings from variables, such as those of the environment.
    ///
    /// # Errors
    /// All problems at once. None of them repeats a secret.
    pub fn read(vars: impl IntoIterator<Item = (String, String)>) -> Result<Self, Problems> {
        let mut reader = Reader::new(vars);
        let settings = Self::read_all(&mut reader);
        typos::check(&mut reader);
        reader.finish(settings)
    }

    fn read_all(r: &mut Reader) -> Option<Self> {
        let (axiom, filter, pulls, log_level) =
            (axiom::read(r), TableFilter::read(r), pulls::read(r), read_log_level(r));
        let tables = r.list("TABLES").into_iter().filter(|table| filter.wants(table)).collect();
        Some(Self { axiom: axiom?, tables, pulls: pulls?, log_level: log_level? })
    }
}

impl Settings {
    /// Reads the settings from variables, such as those of the environment.
    ///
    /// # Errors
    /// All problems at once. None of them repeats a secret.
    pub fn read(vars: impl IntoIterator<Item = (String, String)>) -> Result<Self, Problems> {
        let mut reader = Reader::new(vars);
        let settings = Self::read_all(&mut reader);
        typos::check(&mut reader);
        reader.finish(settings)
    }

    fn read_all(r: &mut Reader) -> Option<Self> {
        let axiom = axiom::read(r);
        let telemetry_dataset = r.text("AXIOM_TELEMETRY_DATASET");
        let export = storage::read(r, "EXPORT_STORAGE", false);
        let host_storage = storage::read(r, "AzureWebJobsStorage", true);
        let log_analytics = log_analytics::read(r);
        let history = log_analytics::read_history(r, export.as_ref());
        let pulls = pulls::read(r);
        let resource_graph = resource_graph::read(r);
        let work_queue = r.storage_name("WORK_QUEUE");
        let refused_container = read_container(r, "REFUSED_CONTAINER");
        let receipts_container = read_container(r, "RECEIPTS_CONTAINER");
        let events_container = read_container(r, "EVENTS_CONTAINER");
        let settle_after = r.seconds("SETTLE_AFTER", SETTLE_AFTER);
        let after_delivery = r.choice("AFTER_DELIVERY", &AFTER_DELIVERY);
        let tables = TableFilter::read(r);
        let batch = read_batch(r);
        let uploads = r.count("UPLOADS", 1..=64);
        let zstd_level = read_zstd_level(r);
        // A minute is left for the last commit: at 30 minutes (`functionTimeout`) the host kills the program.
        let visit_deadline = r.seconds("VISIT_DEADLINE", 1..=1740);
        // It is renewed at a third: below five seconds, a slow answer of the storage service would end it.
        let claim_for = r.seconds("CLAIM_FOR", 5..=3600);
        let run_every = r.seconds("RUN_EVERY", 1..=86_400);
        let visits = r.count("VISITS", 1..=64);
        let log_level = read_log_level(r);
        Some(Self {
            axiom: axiom?,
            telemetry_dataset,
            export: export?,
            host_storage: host_storage?,
            log_analytics: log_analytics?,
            history: history?,
            pulls: pulls?,
            resource_graph: resource_graph?,
            work_queue,
            refused_container,
            receipts_container,
            events_container,
            settle_after: settle_after?,
            after_delivery: after_delivery?,
            tables,
            batch: batch?,
            uploads: uploads?,
            zstd_level,
            visit_deadline: visit_deadline?,
            claim_for: claim_for?,
            run_every: run_every?,
            visits: visits?,
            log_level: log_level?,
        })
    }
}

fn read_container(reader: &mut Reader, name: &str) -> String {
    let container = reader.storage_name(name);
    if container.starts_with("am-") {
        let remedy = "choose another name: containers am-... belong to data export, and the sweep would look into it";
        reader.problem(name, format!("is {}", quote(&container)), remedy);
    }
    container
}

fn read_batch(reader: &mut Reader) -> Option<BatchLimits> {
    const MIB: u64 = 1 << 20;
    let bytes = reader.bytes("BATCH_BYTES", 64 << 10..=64 * MIB);
    let row_bytes = reader.bytes("ROW_BYTES", 1 << 10..=64 * MIB);
    let rows = reader.count("BATCH_ROWS", 1..=10_000);
    let limits = BatchLimits { bytes: bytes?, rows: rows?, row_bytes: row_bytes? };
    if limits.bytes < limits.row_bytes {
        let wrong = format!("is {}, less than ROW_BYTES, which is {}", limits.bytes, limits.row_bytes);
        reader.problem("BATCH_BYTES", wrong, "raise it, or lower ROW_BYTES: the largest row has to fit into a batch");
    }
    Some(limits)
}

fn read_zstd_level(reader: &mut Reader) -> ZstdLevel {
    let text = reader.text("ZSTD_LEVEL").unwrap_or_default();
    text.parse().unwrap_or_else(|remedy| {
        reader.problem("ZSTD_LEVEL", format!("is {}", quote(&text)), remedy);
        ZstdLevel::Auto
    })
}

fn read_log_level(reader: &mut Reader) -> Option<tracing::Level> {
    use tracing::Level;
    let levels = [
        ("error", Level::ERROR),
        ("warn", Level::WARN),
        ("info", Level::INFO),
        ("debug", Level::DEBUG),
        ("trace", Level::TRACE),
    ];
    reader.choice("LOG_LEVEL", &levels)
}

#[cfg(test)]
mod tests;
