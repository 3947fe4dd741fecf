//! Queued ingestion: messages are taken from the queues and worked off, one after the other.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::time::sleep;

use super::Failure;
use super::mapping::Mapping;
use super::message::Message;
use super::record::Ingestion;
use super::records::{self, Format};
use super::report::{self, Outcome};
use super::shared::{Shared, lock};
use super::storage::Received;
use crate::kql::ticks;

/// In front of the tags by which an ingestion is known again.
const INGEST_BY: &str = "ingest-by:";

/// Works off the queues, for ever.
pub(crate) async fn work(shared: Arc<Shared>) {
    loop {
        let mut idle = true;
        for queue in &shared.names.ready {
            if shared.held.load(Ordering::SeqCst) {
                continue;
            }
            let messages = shared.storage.receive(queue).await.unwrap_or_default();
            if !messages.is_empty() {
                idle = false;
                sleep(shared.options.delay).await;
            }
            for message in messages {
                while shared.held.load(Ordering::SeqCst) {
                    sleep(shared.options.poll).await;
                }
                if let Err(error) = handle(&shared, queue, &message).await {
                    tracing::warn!("an ingestion could not be reported: {error:#}");
                }
            }
        }
        if idle {
            sleep(shared.options.poll).await;
        }
    }
}

async fn handle(shared: &Shared, queue: &str, received: &Received) -> anyhow::Result<()> {
    let message = match Message::parse(&received.text) {
        Ok(message) => message,
        Err(wrong) => {
            tracing::warn!("a message that is none: {wrong}");
            return shared.storage.remove(queue, received).await;
        }
    };
    let outcome = ingest(shared, &message).await.unwrap_or_else(|failed| failed);
    if matches!(outcome, Outcome::Succeeded(_)) && !message.retain_blob_on_success {
        // The rows are in: a blob that cannot be deleted stays, and changes nothing.
        if let Err(error) = shared.storage.delete(&message.blob_path).await {
            tracing::warn!("an ingested blob could not be deleted: {error:#}");
        }
    }
    lock(&shared.ingestions).push(Ingestion {
        id: message.id.clone(),
        database: message.database_name.clone(),
        table: message.table_name.clone(),
        status: outcome.status(),
        code: outcome.problem().map_or_else(String::new, |(code, _, _)| code.to_owned()),
        rows: if let Outcome::Succeeded(rows) = outcome { rows } else { 0 },
    });
    let reported = report::report(shared, &message, &outcome).await;
    shared.storage.remove(queue, received).await?;
    reported
}

fn failed(code: &str, details: impl Into<String>) -> Outcome {
    Outcome::Failed { code: code.to_owned(), transient: false, details: details.into() }
}

/// Works off one message. What goes wrong is an outcome too.
async fn ingest(shared: &Shared, message: &Message) -> Result<Outcome, Outcome> {
    if !message.property("authorizationContext").is_some_and(|token| lock(&shared.tokens).contains(token)) {
        return Err(failed("BadRequest_InvalidKustoIdentityToken", "the identity token is missing or not known"));
    }
    if let Some(failure) = next_failure(shared) {
        return Err(match failure {
            Failure::Permanent => failed("General_BadRequest", "told to fail for good"),
            Failure::Transient => Outcome::Failed {
                code: "General_InternalServerError".to_owned(),
                transient: true,
                details: "told to fail for now".to_owned(),
            },
        });
    }
    let property = |wrong: String| failed("BadRequest_MalformedIngestionProperty", wrong);
    let (tags, unless) =
        (message.list("tags").map_err(property)?, message.list("ingestIfNotExists").map_err(property)?);
    if message.property("creationTime").is_some_and(|time| ticks::parse(time).is_none()) {
        return Err(property("creationTime is no time".to_owned()));
    }
    let name = message.property("format").unwrap_or("csv");
    let format = Format::named(name)
        .ok_or_else(|| failed("BadRequest_FormatNotSupported", format!("'{name}' is no format that is known here")))?;
    let mapping = mapping(shared, message)?;
    let again = || Outcome::Skipped {
        code: "Skipped_IngestByTagAlreadyExists",
        details: "another ingestion had the same ingest-by tag".to_owned(),
    };
    if is_known(shared, message, &unless)? {
        return Ok(again());
    }
    let bytes = download(shared, message).await?;
    let wrong = |(code, details): records::Wrong| failed(code, details);
    let plain = records::plain(&bytes, message.blob().ends_with(".gz")).map_err(wrong)?;
    let records = records::records(&plain, format).map_err(wrong)?;
    let mut store = shared.store_mut();
    let database = store.database_mut(&message.database_name).map_err(|_| no_database(message))?;
    let rows = database.append(&message.table_name, &mapping, &records).map_err(|_| no_table(message))?;
    let (_, extra) = database.table_mut(&message.table_name).map_err(|_| no_table(message))?;
    extra.tags.extend(tags);
    Ok(Outcome::Succeeded(rows))
}

fn next_failure(shared: &Shared) -> Option<Failure> {
    let mut failing = lock(&shared.failing);
    let (left, failure) = &mut *failing;
    *left = left.checked_sub(1)?;
    Some(*failure)
}

/// The mapping that a message names or holds; it fits the table.
fn mapping(shared: &Shared, message: &Message) -> Result<Mapping, Outcome> {
    let store = shared.store();
    let database = store.database(&message.database_name).map_err(|_| no_database(message))?;
    let (table, extra) = database.table(&message.table_name).map_err(|_| no_table(message))?;
    let mapping =
        match (message.mapping_reference(), message.property("ingestionMapping")) {
            (Some(_), Some(_)) => {
                return Err(failed("BadRequest_DuplicateMapping", "there are a mapping and a reference to one"));
            }
            (None, None) => return Err(failed("BadRequest_MissingMappingtFailure", "JSON is ingested by a mapping")),
            (Some(name), None) => extra.mappings.get(name).cloned().ok_or_else(|| {
                failed("BadRequest_MappingReferenceWasNotFound", format!("there is no mapping '{name}'"))
            })?,
            (None, Some(text)) => Mapping::parse(text).map_err(|wrong| failed("BadRequest_InvalidMapping", wrong))?,
        };
    mapping.fits(&table.columns).map_err(|wrong| failed("BadRequest_InconsistentMapping", wrong))?;
    Ok(mapping)
}

/// Whether the table has something with one of these tags.
fn is_known(shared: &Shared, message: &Message, unless: &[String]) -> Result<bool, Outcome> {
    let store = shared.store();
    let database = store.database(&message.database_name).map_err(|_| no_database(message))?;
    let (_, extra) = database.table(&message.table_name).map_err(|_| no_table(message))?;
    Ok(unless.iter().any(|tag| extra.tags.contains(&format!("{INGEST_BY}{}", tag.trim_start_matches(INGEST_BY)))))
}

async fn download(shared: &Shared, message: &Message) -> Result<bytes::Bytes, Outcome> {
    let bytes = shared.storage.download(&message.blob_path).await.map_err(|status| match status {
        404 => failed("Download_SourceNotFound", "there is no such blob"),
        401 | 403 => failed("Download_Forbidden", "the blob's address may not be read"),
        400..500 => failed("Download_BadRequest", format!("the account answered {status}")),
        _ => Outcome::Failed {
            code: "Download_UnknownError".to_owned(),
            transient: true,
            details: format!("the account answered {status}"),
        },
    })?;
    if bytes.is_empty() { Err(failed("BadRequest_EmptyBlob", "the blob is empty")) } else { Ok(bytes) }
}

fn no_database(message: &Message) -> Outcome {
    failed("BadRequest_DatabaseNotExist", format!("there is no database '{}'", message.database_name))
}

fn no_table(message: &Message) -> Outcome {
    failed("BadRequest_TableNotExist", format!("there is no table '{}'", message.table_name))
}
