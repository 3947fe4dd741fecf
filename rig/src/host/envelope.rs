//! The bodies that the Functions host posts to a custom handler, byte for byte.
//!
//! Shapes: Microsoft Learn, "Azure Functions custom handlers", corrected by what host 4.1037 was seen to send; the
//! recordings are in `rig/fixtures/functions-host`. Two traps are reproduced on purpose, for a handler must survive
//! them: the message text is a JSON string literal inside a JSON string, and the payload's own keys leak into `Metadata`,
//! where they overwrite the queue's and where dates are mangled.

use time::OffsetDateTime;

use super::clock;
use super::json::{Json, quote};

/// The version that the host calls itself in its headers.
pub(crate) const HOST_VERSION: &str = "4.1037.0.0";

/// What the host knows about one message that it took off a queue.
#[derive(Debug, Clone)]
pub(crate) struct QueueFacts {
    pub(crate) id: String,
    pub(crate) pop_receipt: String,
    pub(crate) dequeue_count: i64,
    pub(crate) inserted: OffsetDateTime,
    pub(crate) expires: OffsetDateTime,
    pub(crate) next_visible: OffsetDateTime,
}

/// The members that the host adds to every envelope under `sys`.
#[derive(Debug, Clone)]
pub(crate) struct Sys {
    pub(crate) function: String,
    pub(crate) now: OffsetDateTime,
    pub(crate) rand_guid: String,
}

/// When a monitored timer ran and runs next; `None` means "never".
#[derive(Debug, Clone)]
pub(crate) struct ScheduleStatus {
    pub(crate) last: Option<OffsetDateTime>,
    pub(crate) next: OffsetDateTime,
}

/// The body for one queue message whose text is `text` (already decoded from base64).
pub(crate) fn queue(binding: &str, text: &str, facts: &QueueFacts, sys: &Sys) -> String {
    let mut metadata = vec![
        member("DequeueCount", Json::Text(facts.dequeue_count.to_string())),
        member("ExpirationTime", Json::Text(clock::seconds(facts.expires))),
        member("Id", literal(&facts.id)),
        member("InsertionTime", Json::Text(clock::seconds(facts.inserted))),
        member("NextVisibleTime", Json::Text(clock::seconds(facts.next_visible))),
        member("PopReceipt", literal(&facts.pop_receipt)),
        sys_member(sys),
    ];
    leaked(&mut metadata, text);
    body(binding, literal(text), metadata)
}

/// The body for one tick of a timer. `status` is `None` for a schedule below one minute, which is not monitored.
pub(crate) fn timer(binding: &str, status: Option<&ScheduleStatus>, past_due: bool, sys: &Sys) -> String {
    let null = || Json::Plain(serde_json::Value::Null);
    let status = status.map_or_else(null, |status| {
        let last = || Json::Text(status.last.map_or("0001-01-01T00:00:00+00:00".to_owned(), clock::seconds));
        let next = Json::Text(clock::seconds(status.next));
        Json::Object(vec![member("Last", last()), member("Next", next), member("LastUpdated", last())])
    });
    let value = Json::Object(vec![
        member("Schedule", Json::Object(vec![member("AdjustForDST", Json::Plain(true.into()))])),
        member("ScheduleStatus", status),
        member("IsPastDue", Json::Plain(past_due.into())),
    ]);
    body(binding, value, vec![sys_member(sys)])
}

/// The body for a GET without a query and without a body. What a browser's headers would add is left out.
pub(crate) fn http(binding: &str, url: &str, sys: &Sys) -> String {
    let text = |text: &str| Json::Text(text.to_owned());
    let empty = || Json::Object(vec![]);
    let request = Json::Object(vec![
        member("Url", text(url)),
        member("Method", text("GET")),
        member("Query", empty()),
        member("Headers", Json::Object(vec![member("Accept", Json::Array(vec![text("*/*")]))])),
        member("Params", empty()),
        member("Identities", Json::Array(vec![])),
        member("Body", text("")),
    ]);
    let metadata = vec![
        member("Query", empty()),
        member("Headers", Json::Object(vec![member("Accept", text("*/*"))])),
        sys_member(sys),
    ];
    body(binding, request, metadata)
}

/// Cuts a body where the host's writer flushes: every 1,024 UTF-16 units, hence chunks of about 1 kB.
pub(crate) fn chunks(body: &str) -> Vec<String> {
    let (mut chunks, mut units) = (vec![], 0);
    for c in body.chars() {
        if units == 0 {
            chunks.push(String::new());
        }
        chunks.last_mut().expect("one was pushed with the first unit").push(c);
        units = (units + c.len_utf16()) % 1024;
    }
    chunks
}

/// A random version 4 GUID.
pub(crate) fn guid() -> String {
    let bits = (fastrand::u128(..) & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// The payload's own members over what the host says, where its text is an object; keys that end in `trigger` vanish.
pub(crate) fn leaked(metadata: &mut Vec<(String, Json)>, text: &str) {
    for (key, value) in Json::object(text).unwrap_or_default() {
        leak(metadata, key, value);
    }
    metadata.retain(|(key, _)| !key.to_ascii_lowercase().ends_with("trigger"));
}

pub(crate) fn body(binding: &str, value: Json, metadata: Vec<(String, Json)>) -> String {
    let data = Json::Object(vec![member(binding, value)]);
    Json::Object(vec![member("Data", data), member("Metadata", Json::Object(metadata))]).to_string()
}

pub(crate) fn sys_member(sys: &Sys) -> (String, Json) {
    let members = vec![
        member("MethodName", Json::Text(sys.function.clone())),
        member("UtcNow", Json::Text(clock::ticks(sys.now))),
        member("RandGuid", Json::Text(sys.rand_guid.clone())),
    ];
    member("sys", Json::Object(members))
}

/// One top-level property of the payload becomes a key of `Metadata`: arrays and nulls do not, objects stay objects, and
/// every other value becomes a text first. Keys are compared without case, so an event's `id` lands under `Id`.
fn leak(metadata: &mut Vec<(String, Json)>, key: String, value: Json) {
    let value = match value {
        Json::Array(_) | Json::Plain(serde_json::Value::Null) => return,
        Json::Plain(serde_json::Value::Bool(flag)) => literal(if flag { "True" } else { "False" }),
        Json::Plain(number) => literal(&number.to_string()),
        Json::Text(text) => literal(&clock::mangled(&text).unwrap_or(text)),
        object @ Json::Object(_) => object.with_dates_reprinted(),
    };
    match metadata.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(&key)) {
        Some(known) => known.1 = value,
        None => metadata.push((key, value)),
    }
}

/// A text as the host passes texts: a string that holds a JSON string literal.
pub(crate) fn literal(text: &str) -> Json {
    Json::Text(quote(text))
}

pub(crate) fn member(key: &str, value: Json) -> (String, Json) {
    (key.to_owned(), value)
}

#[cfg(test)]
#[path = "envelope_tests.rs"]
mod tests;
