//! What is said about an ingestion: in the table of statuses, and on the queues of successes and failures.

use serde_json::{Value as Json, json};

use super::message::Message;
use super::shared::Shared;
use crate::kql::ticks;
use crate::reply::guid;

/// How an ingestion ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// So many rows were added.
    Succeeded(usize),
    /// Nothing was added, because it was before.
    Skipped {
        code: &'static str,
        details: String,
    },
    Failed {
        code: String,
        transient: bool,
        details: String,
    },
}

impl Outcome {
    pub(crate) fn status(&self) -> &'static str {
        match self {
            Self::Succeeded(_) => "Succeeded",
            Self::Skipped { .. } => "Skipped",
            Self::Failed { .. } => "Failed",
        }
    }

    /// Code, details, and whether it may go well another time; a success has none.
    pub(crate) fn problem(&self) -> Option<(&str, &str, bool)> {
        match self {
            Self::Succeeded(_) => None,
            Self::Skipped { code, details } => Some((code, details, false)),
            Self::Failed { code, transient, details } => Some((code, details, *transient)),
        }
    }
}

/// Says how an ingestion ended, where the message wants to know.
pub(crate) async fn report(shared: &Shared, message: &Message, outcome: &Outcome) -> anyhow::Result<()> {
    let wanted = match message.report_level {
        0 => outcome.problem().is_some(),
        1 => false,
        _ => true,
    };
    if !wanted {
        return Ok(());
    }
    let (now, operation, activity) = (ticks::format(ticks::now()), guid(), guid());
    let mut about = json!({
        "OperationId": operation, "Database": message.database_name, "Table": message.table_name,
        "IngestionSourceId": message.id, "IngestionSourcePath": message.blob(),
    });
    if let Some((code, details, transient)) = outcome.problem() {
        let problem = json!({
            "ErrorCode": code, "FailureStatus": if transient { "Transient" } else { "Permanent" }, "Details": details,
            "OriginatesFromUpdatePolicy": false,
        });
        add(&mut about, problem);
    }
    if message.reports_to_queue() {
        let mut report = about.clone();
        let (queue, own) = match outcome.problem() {
            None => (&shared.names.successful, json!({"SucceededOn": now, "RootActivityId": activity})),
            Some((_, _, transient)) => {
                let own = json!({"FailedOn": now, "RootActivityId": activity, "ShouldRetry": transient});
                (&shared.names.failed, own)
            }
        };
        add(&mut report, own);
        shared.storage.put(queue, &report.to_string()).await?;
    }
    if message.reports_to_table() {
        let own = json!({
            "Status": outcome.status(), "UpdatedOn": now, "UpdatedOn@odata.type": "Edm.DateTime", "ActivityId": activity,
        });
        add(&mut about, own);
        let table = shared.storage.table(&shared.names.statuses);
        let place = message.ingestion_status_in_table.as_ref();
        let (table, keys) = place.map_or((table.as_str(), (message.id.as_str(), message.id.as_str())), |place| {
            (place.table_connection_string.as_str(), (place.partition_key.as_str(), place.row_key.as_str()))
        });
        shared.storage.merge(table, keys, &about).await?;
    }
    Ok(())
}

fn add(to: &mut Json, more: Json) {
    if let (Json::Object(to), Json::Object(more)) = (to, more) {
        to.extend(more);
    }
}
