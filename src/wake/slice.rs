//! A slice of history on the queue.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::reject::Reject;
use crate::history::slice::Slice;

/// One slice that is to be moved. Anyone who can write to the queue can write such a message, so it carries no query and no address: it names a job that
/// this program wrote down itself, and a window of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SliceMessage {
    /// The job's key, such as `axiom/dataset/Table`.
    pub job: String,
    /// What is to be moved of it.
    #[serde(flatten)]
    pub slice: Slice,
}

impl SliceMessage {
    /// Its JSON text, one line.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("texts and numbers are always JSON")
    }

    /// Reads and checks a message.
    ///
    /// # Errors
    /// [`Reject::NotASlice`].
    pub(super) fn read(event: &Map<String, Value>) -> Result<Self, Reject> {
        let message: Self = serde_json::from_value(Value::Object(event.clone())).map_err(|_| Reject::NotASlice)?;
        let harmless = |part: &str| {
            part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
                && part.bytes().any(|byte| byte != b'.')
        };
        let good = message.job.split('/').all(harmless) && !message.slice.window.is_empty();
        good.then_some(message).ok_or(Reject::NotASlice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_names_a_job_and_a_window_and_nothing_else() {
        let message = |job: &str, from: &str, to: &str| {
            let value = serde_json::json!({"job": job, "window": {"from": from, "to": to}, "rows": 5, "bytes": 9});
            SliceMessage::read(value.as_object().expect("an object"))
        };
        let (from, to) = ("2026-01-01T00:00:00.0000000Z", "2026-01-02T00:00:00.0000000Z");
        let good = message("axiom/d-1.x/T_CL", from, to).expect("a message");
        let again: Map<String, Value> = serde_json::from_str(&good.to_json()).expect("an object");
        assert_eq!(SliceMessage::read(&again), Ok(good));
        for job in ["", "axiom//T", "axiom/../T", "axiom/d/T?x", "/T", "a/b c"] {
            assert_eq!(message(job, from, to), Err(Reject::NotASlice), "{job}");
        }
        assert!(message("axiom/d/T", to, from).is_err() && message("axiom/d/T", "soon", to).is_err());
        assert!(SliceMessage::read(&Map::new()).is_err());
    }
}
