//! Streaming ingestion: the rows are there when the answer is.

use serde_json::{Value as Json, json};

use super::frame::Listing;
use super::records::{self, Format};
use super::refusal::Refusal;
use super::shared::Shared;
use crate::door::Call;
use crate::kql::Kind;
use crate::reply::Reply;

/// Takes in the body of a request.
pub(crate) async fn ingest(shared: &Shared, call: &Call, database: &str, table: &str) -> Result<Reply, Refusal> {
    let wrong = |(code, message): records::Wrong| Refusal::new(400, code, &message);
    if call.body.len() > shared.options.streaming_max {
        return Err(Refusal::too_large(shared.options.streaming_max));
    }
    let format = call.parameter("streamFormat").unwrap_or("csv");
    let format = Format::named(format).ok_or_else(|| {
        Refusal::new(400, "BadRequest_FormatNotSupported", &format!("'{format}' is no format for this"))
    })?;
    {
        let store = shared.store();
        let (_, extra) = store.database(database)?.table(table)?;
        if !shared.options.streaming || extra.streaming != Some(true) {
            return Err(Refusal::no_streaming(table));
        }
    }
    let compressed = call.header("Content-Encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("gzip"));
    let bytes = if call.parameter("sourceKind") == Some("uri") {
        let source: Json = serde_json::from_slice(&call.body).map_err(|error| Refusal::bad(&error.to_string()))?;
        let address = source["sourceUri"].as_str().unwrap_or_default();
        let blob = shared.storage.download(address).await;
        let blob = blob.map_err(|status| Refusal::bad(&format!("The source could not be read: {status}")))?;
        records::plain(&blob, false).map_err(wrong)?
    } else {
        records::plain(&call.body, compressed).map_err(wrong)?
    };
    let records = records::records(&bytes, format).map_err(wrong)?;
    let mut store = shared.store_mut();
    let inside = store.database_mut(database)?;
    let (known, extra) = inside.table(table)?;
    let Some(name) = call.parameter("mappingName") else {
        let message = "JSON is ingested by a mapping, and the request names none.";
        return Err(Refusal::new(400, "BadRequest_MissingMappingtFailure", message));
    };
    let mapping = extra.mappings.get(name).cloned().ok_or_else(|| Refusal::no_mapping(name, table))?;
    mapping.fits(&known.columns).map_err(|wrong| Refusal::new(400, "BadRequest_InconsistentMapping", &wrong))?;
    let rows = inside.append(table, &mapping, &records)?;
    let columns = [
        ("ConsumedRecordsCount", Kind::Long),
        ("UpdatePolicyStatus", Kind::String),
        ("UpdatePolicyFailureCode", Kind::String),
        ("UpdatePolicyFailureReason", Kind::String),
    ];
    let row = vec![json!(rows), json!("Inactive"), json!("Unknown"), Json::Null];
    Ok(Reply::json(200, &Listing::new(&columns, vec![row]).reply()))
}
