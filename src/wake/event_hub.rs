//! A batch of messages that the host's Event Hubs trigger hands over.
//!
//! The same batch comes in three encodings, by the binding's `dataType`: each message as base64 (`binary`, which is ours: the bytes as they were sent), as a
//! text (`string`), or as JSON that the host has read and written anew (none). With `cardinality` `one`, a message comes alone. All of them are taken.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::WakeError;

/// A batch of messages, of one partition and in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventHubWake {
    /// The messages.
    pub messages: Vec<Message>,
    /// Where they come from; none where the host does not say.
    pub partition: Option<Partition>,
    /// True when the host calls again with a batch that was answered as failed, or not at all.
    pub again: bool,
}

/// One message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// Its bytes.
    pub body: Vec<u8>,
    /// Its number in the partition, which only ever grows; none where the host does not say.
    pub sequence: Option<i64>,
    /// When the hub took it (UTC).
    pub enqueued: Option<OffsetDateTime>,
}

/// A partition, as one consumer group reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Namespace, hub and consumer group, with slashes between.
    pub reader: String,
    /// The partition's id.
    pub id: String,
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(rename = "Data", borrow)]
    data: BTreeMap<String, &'a RawValue>,
    #[serde(rename = "Metadata", borrow, default)]
    metadata: BTreeMap<String, &'a RawValue>,
}

impl EventHubWake {
    pub(super) fn parse(body: &[u8]) -> Result<Self, WakeError> {
        let wire: Wire<'_> = serde_json::from_slice(body).map_err(WakeError::Envelope)?;
        let bodies: Vec<_> = wire.data.values().flat_map(|value| bodies(value.get())).collect();
        // The arrays alone are the host's own: to what a single message comes with, its text's own members are added, under any name.
        let sequences = array::<i64>(wire.metadata.get("SequenceNumberArray"), bodies.len());
        let enqueued = array::<String>(wire.metadata.get("EnqueuedTimeUtcArray"), bodies.len());
        let messages = bodies.into_iter().enumerate().map(|(index, body)| Message {
            body,
            sequence: sequences.as_ref().map(|numbers| numbers[index]),
            enqueued: enqueued.as_ref().and_then(|times| time(&times[index])),
        });
        Ok(Self {
            messages: messages.collect(),
            partition: wire.metadata.get("PartitionContext").and_then(|context| Partition::read(context)),
            again: wire.metadata.get("RetryContext").is_some_and(|context| is_retry(context)),
        })
    }
}

/// The messages in one value of `Data`.
fn bodies(value: &str) -> Vec<Vec<u8>> {
    let text = unquoted(value).unwrap_or_else(|| value.to_owned());
    match serde_json::from_str::<Vec<&RawValue>>(&text) {
        Ok(values) => values.into_iter().map(|value| one(value.get())).collect(),
        Err(_) => vec![one(&text)],
    }
}

/// One message: a text is what it says, or base64 of it; anything else is JSON and stands for itself.
fn one(value: &str) -> Vec<u8> {
    let Some(text) = unquoted(value) else { return value.as_bytes().to_owned() };
    // No base64 begins so, and no JSON that could be a row begins otherwise.
    if text.trim_start().starts_with(['{', '[']) {
        return text.into_bytes();
    }
    BASE64_STANDARD.decode(&text).unwrap_or_else(|_| text.into_bytes())
}

fn unquoted(value: &str) -> Option<String> {
    serde_json::from_str(value).ok()
}

/// An array out of the metadata, itself or as a text, if it tells one thing of each message.
fn array<T: for<'a> Deserialize<'a>>(value: Option<&&RawValue>, messages: usize) -> Option<Vec<T>> {
    let value = value?.get();
    let text = unquoted(value).unwrap_or_else(|| value.to_owned());
    serde_json::from_str(&text).ok().filter(|array: &Vec<T>| array.len() == messages)
}

/// The host drops the zone of some times; all of them are UTC.
fn time(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339).or_else(|_| OffsetDateTime::parse(&format!("{text}Z"), &Rfc3339)).ok()
}

fn is_retry(context: &RawValue) -> bool {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct RetryContext {
        retry_count: u64,
    }
    serde_json::from_str::<RetryContext>(context.get()).is_ok_and(|context| context.retry_count > 0)
}

impl Partition {
    /// Reads `PartitionContext`, of version 5 of the extension or of those before it. Its texts become a part of a blob's name, so only plain ones pass.
    fn read(context: &RawValue) -> Option<Self> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Context {
            #[serde(default)]
            fully_qualified_namespace: String,
            #[serde(alias = "EventHubPath")]
            event_hub_name: String,
            #[serde(alias = "ConsumerGroupName")]
            consumer_group: String,
            partition_id: String,
        }
        let context: Context = serde_json::from_str(context.get()).ok()?;
        let plain = |text: &String| text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.$".contains(c));
        let names = [context.fully_qualified_namespace, context.event_hub_name, context.consumer_group];
        let id = Some(context.partition_id).filter(|id| !id.is_empty() && plain(id))?;
        let reader: Vec<_> = names.into_iter().filter(|name| !name.is_empty()).collect();
        reader.iter().all(plain).then(|| Self { reader: reader.join("/"), id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use time::macros::datetime;

    fn parse(data: Value, metadata: Value) -> EventHubWake {
        EventHubWake::parse(json!({"Data": {"messages": data}, "Metadata": metadata}).to_string().as_bytes()).unwrap()
    }

    fn texts(wake: &EventHubWake) -> Vec<String> {
        wake.messages.iter().map(|message| String::from_utf8_lossy(&message.body).into_owned()).collect()
    }

    #[test]
    fn each_encoding_gives_the_bytes_that_were_sent() {
        let sent = [r#"{"a":1.10,"b":"é"}"#, r#"[{"c":2}]"#, "no JSON"];
        let binary: Vec<_> = sent.iter().map(|text| BASE64_STANDARD.encode(text)).collect();
        assert_eq!(texts(&parse(json!(json!(binary).to_string()), json!({}))), sent, "binary");
        assert_eq!(texts(&parse(json!(json!(sent).to_string()), json!({}))), sent, "text");
        assert_eq!(texts(&parse(json!(r#"[{"a":1.10,"b":"é"},[{"c":2}]]"#), json!({}))), sent[..2], "JSON");
        for text in sent {
            assert_eq!(texts(&parse(json!(json!(text).to_string()), json!({}))), [text], "one, as text");
        }
        assert_eq!(texts(&parse(json!({"a": 1}), json!({}))), [r#"{"a":1}"#], "one, as JSON");
        assert_eq!(parse(json!("[]"), json!({})), EventHubWake::default(), "none");
    }

    #[test]
    fn what_the_host_says_of_each_message_goes_with_it() {
        let metadata = json!({
            "SequenceNumberArray": "[7,8]",
            "EnqueuedTimeUtcArray": "[\"2026-11-27T10:00:00.123Z\",\"2026-11-27T10:00:01\"]",
            "PartitionContext": {
                "FullyQualifiedNamespace": "ns.servicebus.windows.net", "EventHubName": "defender", "ConsumerGroup": "$Default",
                "PartitionId": "3",
            },
            "RetryContext": {"RetryCount": 1, "MaxRetryCount": -1},
        });
        let wake = parse(json!("[{},{}]"), metadata.clone());
        assert_eq!(wake.messages[0].enqueued, Some(datetime!(2026-11-27 10:00:00.123 UTC)));
        assert_eq!(
            (wake.messages[1].sequence, wake.messages[1].enqueued),
            (Some(8), Some(datetime!(2026-11-27 10:00:01 UTC)))
        );
        let partition = wake.partition.unwrap();
        assert_eq!((&*partition.reader, &*partition.id), ("ns.servicebus.windows.net/defender/$Default", "3"));
        assert!(wake.again);
        let other = parse(json!("[{}]"), metadata);
        assert_eq!((other.messages[0].sequence, other.messages[0].enqueued), (None, None), "not one for each message");
    }

    #[test]
    fn a_partition_whose_names_are_no_names_is_none() {
        let context =
            |id: &str| json!({"PartitionContext": {"EventHubPath": "h", "ConsumerGroupName": "g", "PartitionId": id}});
        assert_eq!(parse(json!("[]"), context("0")).partition.unwrap().reader, "h/g");
        for id in ["", "../x", "a/b"] {
            assert_eq!(parse(json!("[]"), context(id)).partition, None, "{id:?}");
        }
        assert_eq!(parse(json!("[]"), json!({"PartitionContext": "text"})).partition, None);
    }
}
