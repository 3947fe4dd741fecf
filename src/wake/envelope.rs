//! The envelope in which the host hands over what woke us: `{"Data":{"<binding>":<value>},"Metadata":{...}}`.
//!
//! The host encodes the same value in different ways by trigger and binding type ("Azure Functions custom handlers", request payload): as an object,
//! as a string that holds JSON, as a string in a string, as base64. So each value is unwrapped until something is found that is no text.

use super::reject::Reject;
use super::{Ignored, WakeError};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value};

/// How often a value is unwrapped: a queue message takes three steps (string, literal, array), and base64 one more.
const DEEPEST: usize = 6;

/// The envelope, unwrapped.
#[derive(Default)]
pub(super) struct Envelope {
    /// Everything in `Data` that is an object, under whatever binding name, in order.
    pub(super) events: Vec<Map<String, Value>>,
    /// Everything else in `Data`.
    pub(super) ignored: Vec<Ignored>,
    /// `DequeueCount`, how often the message was taken from the queue. Good for a log line only: top-level keys of the message's own text are written
    /// over the host's metadata.
    pub(super) dequeue_count: Option<u32>,
}

#[derive(Deserialize)]
struct Wire {
    #[serde(rename = "Data")]
    data: Map<String, Value>,
    #[serde(rename = "Metadata", default)]
    metadata: Value,
}

impl Envelope {
    pub(super) fn parse(body: &[u8]) -> Result<Self, WakeError> {
        let wire: Wire = serde_json::from_slice(body).map_err(WakeError::Envelope)?;
        let dequeue_count = match wire.metadata.get("DequeueCount") {
            Some(Value::String(text)) => text.trim_matches('"').parse().ok(),
            Some(number) => number.as_u64().and_then(|number| u32::try_from(number).ok()),
            None => None,
        };
        let mut envelope = Self { dequeue_count, ..Self::default() };
        for value in wire.data.into_iter().map(|(_, value)| value) {
            envelope.unwrap(value, DEEPEST);
        }
        Ok(envelope)
    }

    /// What the text of a message holds, without the host's envelope around it.
    pub(super) fn of_message(text: &str) -> Self {
        let mut envelope = Self::default();
        envelope.unwrap(Value::String(text.to_owned()), DEEPEST);
        envelope
    }

    fn unwrap(&mut self, value: Value, depth: usize) {
        match value {
            Value::Object(event) => self.events.push(event),
            Value::Array(_) | Value::String(_) if depth == 0 => self.ignore(&value.to_string(), Reject::TooDeep),
            Value::Array(values) => values.into_iter().for_each(|value| self.unwrap(value, depth - 1)),
            Value::String(text) => match parse_text(&text) {
                Some(value) => self.unwrap(value, depth - 1),
                None => self.ignore(&text, Reject::NotJson),
            },
            other => self.ignore(&other.to_string(), Reject::NotAnEvent),
        }
    }

    fn ignore(&mut self, what: &str, why: Reject) {
        self.ignored.push(Ignored::new(what, why));
    }
}

fn parse_text(text: &str) -> Option<Value> {
    let from_base64 = || serde_json::from_slice(&BASE64_STANDARD.decode(text.trim()).ok()?).ok();
    serde_json::from_str(text).ok().or_else(from_base64)
}
