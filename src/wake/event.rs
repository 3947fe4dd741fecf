//! One event, in any of the shapes that reach us.

use super::export_blob::ExportBlob;
use super::message::SmallMessage;
use super::reject::Reject;
use super::{Hint, address};
use serde_json::{Map, Value};
use url::Url;

const BLOB_CREATED: &str = "Microsoft.Storage.BlobCreated";
const VALIDATION: [&str; 2] =
    ["Microsoft.EventGrid.SubscriptionValidationEvent", "Microsoft.EventGrid.SubscriptionDeletedEvent"];

/// The hint in an event of the Event Grid schema, in a CloudEvents 1.0 event ("Azure Blob Storage as an Event Grid source"), or in our own message.
pub(super) fn to_hint(event: &Map<String, Value>, account: &Url) -> Result<Hint, Reject> {
    let kind = text(event, "eventType").or_else(|| text(event, "type").filter(|_| event.contains_key("specversion")));
    let Some(kind) = kind else { return to_own_hint(event) };
    if VALIDATION.iter().any(|name| name.eq_ignore_ascii_case(kind)) {
        return Err(Reject::Validation);
    }
    if !kind.eq_ignore_ascii_case(BLOB_CREATED) {
        return Err(Reject::OtherEvent);
    }
    let url = event.get("data").and_then(|data| data.get("url")).and_then(Value::as_str);
    let (container, name) = match (url, text(event, "subject")) {
        (Some(url), _) => address::from_url(url, account)?,
        (None, Some(subject)) => {
            // Without a URL only the topic (Event Grid) or source (CloudEvents) tells the account.
            let topic = text(event, "topic").or_else(|| text(event, "source")).ok_or(Reject::OtherAccount)?;
            if !address::is_account(topic, account) {
                return Err(Reject::OtherAccount);
            }
            address::from_subject(subject)?
        }
        (None, None) => return Err(Reject::NoBlob),
    };
    // An event is raised when the blob is created, so it says nothing about how much of it was shipped.
    Ok(Hint { blob: ExportBlob::parse(&container, &name)?, offset: 0 })
}

fn to_own_hint(event: &Map<String, Value>) -> Result<Hint, Reject> {
    serde_json::from_value::<SmallMessage>(Value::Object(event.clone())).map_err(|_| Reject::NotAnEvent)?.to_hint()
}

/// What to call this event in a log: its address if it has one, else its type.
pub(super) fn name(event: &Map<String, Value>) -> &str {
    let url = event.get("data").and_then(|data| data.get("url")).and_then(Value::as_str);
    let texts = ["subject", "blob", "eventType", "type"].iter().filter_map(|key| text(event, key));
    url.into_iter().chain(texts).next().unwrap_or("object")
}

fn text<'a>(event: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    event.get(key).and_then(Value::as_str)
}
