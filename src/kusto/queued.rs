//! Queued ingestion: rows into the cluster's own storage, a message on its queue, and its status followed to the end.

use std::io::Write as _;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use tokio::time::Instant;
use url::Url;

use super::KustoError;
use super::rest::{Resources, Rest, answered, no_answer};
use super::status::{Status, judge};

/// How long the status is asked for. A batch that is flushed takes seconds; an ingestion that has to wait its turn takes minutes.
const STATUS_FOR: Duration = Duration::from_secs(1200);

/// Longest pause between two questions.
const PAUSE: Duration = Duration::from_secs(5);

/// The version of the storage services' REST API that the requests below are written for.
const API: (&str, &str) = ("x-ms-version", "2021-12-02");

/// Stores rows, each a line of JSON, and waits until they are there.
pub(super) async fn ingest(rest: &Rest, to: (&str, &str, &str), lines: &[u8]) -> Result<(), KustoError> {
    let resources = rest.resources().await?;
    let id = guid();
    let put = async {
        let blob = upload(rest, &resources, to, &id, lines).await?;
        let status = expect(rest, &resources, to, &id, &blob).await?;
        announce(rest, &resources, to, (&id, &blob, lines.len())).await?;
        Ok(status)
    };
    let status: Url = match put.await {
        Err(error) => {
            // Perhaps a signature is over.
            rest.forget_resources().await;
            return Err(error);
        }
        Ok(status) => status,
    };
    follow(rest, to.1, &status).await
}

/// Puts the rows into one of the containers. Gives the blob's address, signature included.
async fn upload(
    rest: &Rest,
    resources: &Resources,
    (database, table, _): (&str, &str, &str),
    id: &str,
    lines: &[u8],
) -> Result<Url, KustoError> {
    let mut blob = one_of(&resources.containers).clone();
    blob.path_segments_mut()
        .expect("checked to be http")
        .push(&format!("{database}__{table}__{id}__rows.multijson.gz"));
    let lines = lines.to_vec();
    let packed = tokio::task::spawn_blocking(move || {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&lines).and_then(|()| encoder.finish()).expect("writing to memory")
    });
    let packed = packed.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
    let request = rest.client.put(blob.clone()).header(API.0, API.1).header("x-ms-blob-type", "BlockBlob").body(packed);
    answered("put rows into the cluster's storage", request).await?;
    Ok(blob)
}

/// Makes the entity in which the cluster writes what became of the rows. Gives its address.
async fn expect(
    rest: &Rest,
    resources: &Resources,
    (database, table, _): (&str, &str, &str),
    id: &str,
    blob: &Url,
) -> Result<Url, KustoError> {
    let mut path = blob.clone();
    path.set_query(None);
    let now =
        time::OffsetDateTime::now_utc().format(&time::format_description::well_known::Rfc3339).unwrap_or_default();
    let entity = serde_json::json!({
        "PartitionKey": id, "RowKey": id, "Status": "Pending", "IngestionSourceId": id, "IngestionSourcePath": path.as_str(),
        "Database": database, "Table": table, "UpdatedOn": now,
    });
    let request = rest
        .client
        .post(resources.status.clone())
        .header(API.0, API.1)
        .header(ACCEPT, "application/json;odata=nometadata")
        .header("prefer", "return-no-content")
        .json(&entity);
    answered("note in the cluster's status table that rows come", request).await?;
    let mut url = resources.status.clone();
    url.set_path(&format!("{}(PartitionKey='{id}',RowKey='{id}')", url.path().trim_end_matches('/')));
    Ok(url)
}

/// Puts the message on one of the queues that makes the cluster take the rows.
async fn announce(
    rest: &Rest,
    resources: &Resources,
    (database, table, mapping): (&str, &str, &str),
    (id, blob, size): (&str, &Url, usize),
) -> Result<(), KustoError> {
    let message = serde_json::json!({
        "Id": id, "BlobPath": blob.as_str(), "RawDataSize": size, "DatabaseName": database, "TableName": table,
        "RetainBlobOnSuccess": false,
        // Pages are megabytes already, and each is waited for: minutes of batching would win nothing.
        "FlushImmediately": true,
        "ReportLevel": 2, "ReportMethod": 1,
        "IngestionStatusInTable": { "TableConnectionString": resources.status.as_str(), "PartitionKey": id, "RowKey": id },
        "AdditionalProperties": {
            "authorizationContext": resources.context, "format": "multijson", "ingestionMappingReference": mapping,
            "ingestionMappingType": "Json",
        },
    });
    let text = STANDARD.encode(message.to_string());
    let mut url = one_of(&resources.queues).clone();
    url.path_segments_mut().expect("checked to be http").push("messages");
    let body = format!("<QueueMessage><MessageText>{text}</MessageText></QueueMessage>");
    let request = rest.client.post(url).header(API.0, API.1).header(CONTENT_TYPE, "application/xml").body(body);
    answered("tell the cluster that rows are there", request).await.map(drop)
}

/// Asks what became of the rows until that is known.
async fn follow(rest: &Rest, table: &str, status: &Url) -> Result<(), KustoError> {
    let doing = "ask what became of rows";
    let (begun, mut pause) = (Instant::now(), Duration::from_millis(100));
    while begun.elapsed() < STATUS_FOR {
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE);
        let request =
            rest.client.get(status.clone()).header(API.0, API.1).header(ACCEPT, "application/json;odata=nometadata");
        let entity = match answered(doing, request).await {
            Ok(response) => response.bytes().await.map_err(|source| no_answer(doing, source)),
            Err(error) => Err(error),
        };
        match entity {
            Ok(entity) => match judge(&entity) {
                Status::Pending => {}
                Status::Done => return Ok(()),
                Status::Failed { status, details, transient } => {
                    return Err(KustoError::Failed { table: table.to_owned(), status, details, transient });
                }
            },
            // The rows are on their way whatever becomes of this question.
            Err(error) => tracing::debug!(error = crate::report::chain(&error), "the status of rows cannot be had"),
        }
    }
    Err(KustoError::Unknown { table: table.to_owned(), waited: STATUS_FOR })
}

fn one_of(urls: &[Url]) -> &Url {
    &urls[fastrand::usize(..urls.len())]
}

fn guid() -> String {
    let hex = format!("{:032x}", fastrand::u128(..));
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}
