//! The table of settings: the one place where a name, its default and its meaning are written down.

/// One setting, an environment variable (a Functions app setting).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Name of the variable; for a storage connection also the part before `__accountName` and its siblings.
    pub name: &'static str,
    /// The text that is read when the variable is absent or empty. `None` where there is no value to fall back on.
    pub default: Option<&'static str>,
    /// Unit or form of the value.
    pub unit: &'static str,
    /// What it means, in one line.
    pub doc: &'static str,
    /// Whether the program refuses to start without it.
    pub required: bool,
}

const fn required(name: &'static str, unit: &'static str, doc: &'static str) -> Setting {
    Setting { name, default: None, unit, doc, required: true }
}

const fn optional(name: &'static str, unit: &'static str, doc: &'static str) -> Setting {
    Setting { name, default: None, unit, doc, required: false }
}

const fn default(name: &'static str, default: &'static str, unit: &'static str, doc: &'static str) -> Setting {
    Setting { name, default: Some(default), unit, doc, required: false }
}

/// Every setting there is, in the order in which the README prints them.
pub const SETTINGS: &[Setting] = &[
    required("AXIOM_TOKEN", "token", "API token (`xaat-`), or personal token (`xapt-`) together with `AXIOM_ORG_ID`"),
    optional("AXIOM_ORG_ID", "organisation id", "needed with a personal token only"),
    default("AXIOM_URL", "https://api.axiom.co", "URL", "Axiom's API; also ingest when no edge is set"),
    optional(
        "AXIOM_EDGE",
        "domain",
        "ingest through this edge deployment, for example `eu-central-1.aws.edge.axiom.co`",
    ),
    optional("AXIOM_EDGE_URL", "URL", "ingest through this edge URL; wins over `AXIOM_EDGE`"),
    optional("AXIOM_DATASET", "dataset", "one dataset for all tables; without it each table has a dataset of its own"),
    optional("AXIOM_DATASET_PREFIX", "text", "put before the table's name to make the dataset's name"),
    optional(
        "AXIOM_DATASET_MAP",
        "Table=dataset,...",
        "datasets of single tables, used as written, without the prefix",
    ),
    optional(
        "AXIOM_TELEMETRY_DATASET",
        "dataset",
        "where the program tells of itself, a row for each visit and sweep; without it nothing is told",
    ),
    default("AXIOM_CREATE_DATASETS", "true", "true or false", "create a missing dataset, where the token may"),
    default("AXIOM_PROVENANCE", "true", "true or false", "add the columns `source_blob` and `source_offset`"),
    required("EXPORT_STORAGE", "connection", "the storage account that data export writes to, used for nothing else"),
    required("AzureWebJobsStorage", "connection", "the host's storage account: work queue, refused rows"),
    default("WORK_QUEUE", "blob-created", "queue", "the queue that Event Grid delivers to, in `AzureWebJobsStorage`"),
    default("REFUSED_CONTAINER", "refused", "container", "where rows that Axiom refuses are set aside"),
    default(
        "RECEIPTS_CONTAINER",
        "receipts",
        "container",
        "what was delivered of each blob that is gone, in `AzureWebJobsStorage`",
    ),
    default("SWEEP_SCHEDULE", "0 * * * * *", "NCRONTAB", "when the Functions host runs the sweep; read by the host"),
    default("SETTLE_AFTER", "600", "seconds", "quiet time before a shipped append blob is deleted"),
    default("AFTER_DELIVERY", "delete", "delete or keep", "what becomes of a blob when all of it is delivered"),
    optional("TABLES", "Table,...", "ship these tables only; the blobs of the others stay"),
    optional("TABLES_EXCEPT", "Table,...", "skip these tables; their blobs stay"),
    default("BATCH_BYTES", "4194304", "bytes", "largest batch, before compression"),
    default("BATCH_ROWS", "10000", "rows", "most rows in a batch"),
    default("ROW_BYTES", "900000", "bytes", "largest row that is sent; a larger one is set aside"),
    default("UPLOADS", "4", "requests", "requests to Axiom in flight per visit"),
    default(
        "ZSTD_LEVEL",
        "auto",
        "1 to 19, or auto",
        "compression; `auto`: 8 while it keeps up, 1 when rows have waited for 15 minutes or a blob has 64 MiB of them",
    ),
    default("VISIT_DEADLINE", "1500", "seconds", "a visit stops shipping then; the next one goes on from there"),
    default("VISITS", "8", "visits", "visits at a time in one process"),
    default(
        "CLAIM_FOR",
        "180",
        "seconds",
        "how long a visit's claim on a blob holds: after a crash the blob waits so long",
    ),
    default("RUN_EVERY", "30", "seconds", "pause between two sweeps of `run`"),
    optional(
        "LOG_ANALYTICS_WORKSPACE",
        "GUID",
        "the workspace's id: needed for `history`, `reconcile` and pulls from it",
    ),
    default(
        "LOG_ANALYTICS_URL",
        "https://api.loganalytics.azure.com",
        "URL",
        "the query API; `https://api.loganalytics.us` and `https://api.loganalytics.azure.cn` in national clouds",
    ),
    optional(
        "LOG_ANALYTICS_CLIENT_ID",
        "client id",
        "the user-assigned identity that asks the workspace; without it the system-assigned one",
    ),
    optional(
        "LOG_ANALYTICS_RESOURCE_ID",
        "resource id",
        "the workspace's, for the paths of `history run --to storage`",
    ),
    optional("HISTORY_STORAGE", "connection", "the account that `history run --to storage` writes to"),
    default("HISTORY_CONTAINER", "history", "container", "what `history` has done, in `AzureWebJobsStorage`"),
    default("HISTORY_QUEUE", "history", "queue", "slices of `history run --queue`, in `AzureWebJobsStorage`"),
    optional(
        "PULLS_FILE",
        "path",
        "the file with the pulls (docs/pulls.md), such as `pulls/defender-tvm.toml`; without it and `PULLS` nothing is pulled",
    ),
    optional("PULLS", "TOML", "the same as a text, instead of a file"),
    default("PULLS_CONTAINER", "pulls", "container", "what pulls have reached, in `AzureWebJobsStorage`"),
    default(
        "PULLS_SCHEDULE",
        "0 */5 * * * *",
        "NCRONTAB",
        "when the Functions host looks for pulls that are due; read by the host",
    ),
    default("PULLS_AUDIT_DATASET", "sentinel-axiom-pulls", "dataset", "a record of each run of each pull"),
    optional(
        "PULLS_CLIENT_ID",
        "client id",
        "the user-assigned identity towards advanced hunting and Azure Data Explorer; without it the system-assigned one",
    ),
    default(
        "HUNTING_API",
        "graph",
        "graph or xdr",
        "Microsoft Graph, or the older API of Defender XDR, which is being retired",
    ),
    optional(
        "HUNTING_URL",
        "URL",
        "its address: by default `https://graph.microsoft.com`, and `https://api.security.microsoft.com` with `xdr`",
    ),
    default("HUNTING_CALLS", "45", "calls", "hunting queries in a minute, spread evenly"),
    default(
        "RESOURCE_GRAPH_URL",
        "https://management.azure.com",
        "URL",
        "Azure Resource Manager, for `snapshot`; `https://management.usgovcloudapi.net` and `https://management.chinacloudapi.cn` in national clouds",
    ),
    optional(
        "RESOURCE_GRAPH_CLIENT_ID",
        "client id",
        "the user-assigned identity towards Azure Resource Graph; without it the system-assigned one",
    ),
    default(
        "EVENT_HUB_NAME",
        "defender-for-cloud",
        "event hub",
        "the hub of the connection `EVENT_HUB` whose messages `function-event-hub` takes (docs/defender.md); read by the host",
    ),
    default("EVENT_HUB_CONSUMER_GROUP", "sentinel-axiom", "consumer group", "ours alone; read by the host"),
    default(
        "EVENTS_CONTAINER",
        "events",
        "container",
        "messages that wait for Axiom, and how far each partition is delivered, in `AzureWebJobsStorage`",
    ),
    default("LOG_LEVEL", "info", "error, warn, info, debug or trace", "least severe line that is logged"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_documented() {
        let names: BTreeSet<_> = SETTINGS.iter().map(|setting| setting.name).collect();
        assert_eq!(names.len(), SETTINGS.len());
        for setting in SETTINGS {
            assert!(!setting.doc.is_empty() && !setting.unit.is_empty(), "{} says nothing", setting.name);
            assert!(!(setting.required && setting.default.is_some()), "{} is required and has a default", setting.name);
        }
    }
}
