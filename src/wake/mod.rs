//! Why we woke: the host's envelope in, one closed enum out; and the host's answer.
//!
//! Anyone who can write to the queue can write an event. So the address in it is never trusted: container and name are checked against the account
//! and the paths of data export, and only an [`ExportBlob`] leaves this module, never a URL.

mod address;
mod answer;
mod envelope;
mod event;
mod event_hub;
mod export_blob;
mod message;
mod reject;
mod slice;

pub use answer::Answer;
pub use event_hub::{EventHubWake, Message, Partition};
pub use export_blob::ExportBlob;
pub use message::SmallMessage;
pub use reject::Reject;
pub use slice::SliceMessage;

use envelope::Envelope;
use thiserror::Error;
use url::Url;

/// Name of the function that the work queue triggers.
pub const BLOB_TRIGGER: &str = "function-blob-trigger";
/// Name of the function that the timer triggers.
pub const SWEEP: &str = "function-sweep";
/// Name of the function that the queue of slices triggers.
pub const HISTORY: &str = "function-history";
/// Name of the function that the timer of pulls triggers.
pub const PULL: &str = "function-pull";
/// Name of the function that an Event Hub triggers.
pub const EVENT_HUB: &str = "function-event-hub";
/// Name of the function that shows the status.
pub const STATUS: &str = "function-status";

/// Everything that can wake the program under the Functions host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wake {
    /// A message on the work queue: blobs to look at.
    Blobs(BlobWake),
    /// The timer: look for everything that no event has finished.
    Sweep,
    /// A message on the queue of slices: history to move.
    History(HistoryWake),
    /// The timer of pulls: run those that are due.
    Pull,
    /// Somebody wants to see the status.
    Status,
    /// Messages of an Event Hub, themselves.
    EventHub(EventHubWake),
}

/// What a message on the queue of slices says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryWake {
    /// Slices to move.
    pub slices: Vec<SliceMessage>,
    /// What is not followed.
    pub ignored: Vec<Ignored>,
}

/// What a message on the work queue says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlobWake {
    /// Blobs to look at, in the order of the message.
    pub hints: Vec<Hint>,
    /// What is not followed.
    pub ignored: Vec<Ignored>,
    /// How often the message was taken from the queue, this time included. For the log only: the message can forge it.
    pub dequeue_count: Option<u32>,
}

/// A hint to look at a blob. It may be stale or forged: the blob itself is the truth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// The blob.
    pub blob: ExportBlob,
    /// Where to begin to look, in bytes; 0 if unknown.
    pub offset: u64,
}

/// A part of a message that is not followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    /// What it was: one short line of printable characters.
    pub what: String,
    /// Why.
    pub why: Reject,
}

/// An invocation that makes no sense. Answered as a failure, so that the message ends in the poison queue, where somebody can look at it.
#[derive(Debug, Error)]
pub enum WakeError {
    /// The host calls a function that this program does not have.
    #[error("find the function {0:?}: deploy the function folders and the program from the same release")]
    UnknownFunction(String),
    /// The body is not what the host sends to a custom handler.
    #[error("read the invocation's body as {{\"Data\":{{...}},\"Metadata\":{{...}}}}")]
    Envelope(#[source] serde_json::Error),
}

impl Wake {
    /// Parses an invocation: the function's name, which is the path of the request, its body, and the blob endpoint of the account that events may
    /// name.
    ///
    /// # Errors
    /// [`WakeError`] for an unknown function or a broken envelope. A message inside the envelope that makes no sense is no error but
    /// [`BlobWake::ignored`].
    pub fn parse(function: &str, body: &[u8], account: &Url) -> Result<Self, WakeError> {
        match function {
            // The timer's state is of no use to us: a sweep that is late does the same as one in time.
            SWEEP => Ok(Self::Sweep),
            PULL => Ok(Self::Pull),
            // Nothing in the request is of use to us; the host has checked the key.
            STATUS => Ok(Self::Status),
            BLOB_TRIGGER => BlobWake::parse(body, account).map(Self::Blobs),
            HISTORY => HistoryWake::parse(body).map(Self::History),
            EVENT_HUB => EventHubWake::parse(body).map(Self::EventHub),
            _ => Err(WakeError::UnknownFunction(shorten(function))),
        }
    }
}

impl BlobWake {
    /// Reads a message as it stands on the work queue, for those who look at the queue themselves.
    #[must_use]
    pub fn of_message(text: &str, account: &Url) -> Self {
        Self::of(Envelope::of_message(text), account)
    }

    fn parse(body: &[u8], account: &Url) -> Result<Self, WakeError> {
        Envelope::parse(body).map(|envelope| Self::of(envelope, account))
    }

    fn of(Envelope { events, mut ignored, dequeue_count }: Envelope, account: &Url) -> Self {
        let mut hints = Vec::new();
        for event in &events {
            match event::to_hint(event, account) {
                Ok(hint) => hints.push(hint),
                Err(why) => ignored.push(Ignored::new(event::name(event), why)),
            }
        }
        Self { hints, ignored, dequeue_count }
    }
}

impl HistoryWake {
    fn parse(body: &[u8]) -> Result<Self, WakeError> {
        let Envelope { events, mut ignored, .. } = Envelope::parse(body)?;
        let mut slices = Vec::new();
        for event in &events {
            match SliceMessage::read(event) {
                Ok(slice) => slices.push(slice),
                Err(why) => ignored.push(Ignored::new(event::name(event), why)),
            }
        }
        Ok(Self { slices, ignored })
    }
}

impl Ignored {
    fn new(what: &str, why: Reject) -> Self {
        Self { what: shorten(what), why }
    }
}

/// Most characters of a foreign text that are repeated in a log.
const SHOWN: usize = 120;

/// A foreign text made fit for a log: cut before a query, where a signature could stand, then to length, on one line, printable.
fn shorten(text: &str) -> String {
    let end = text.find('?').unwrap_or(text.len());
    let printable = |c: char| if c.is_alphanumeric() || (' '..='~').contains(&c) { c } else { '\u{fffd}' };
    text[..end].chars().take(SHOWN).map(printable).collect()
}

#[cfg(test)]
mod tests;
