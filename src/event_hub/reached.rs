//! How far a partition is delivered: a small blob for each, so that a batch which the host hands over again is not delivered again.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::azure::{Blobs, Outcome, StorageError, Version};
use crate::wake::{Message, Partition};

/// Attempts to write while others write, too.
const ATTEMPTS: u32 = 5;

/// The last message of which every row is in Axiom, waits or is set aside.
///
/// A number alone would not do: a hub that is deleted and made anew counts from the start again. Its messages are younger, though.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Reached {
    /// When the hub took it, in nanoseconds since 1970 UTC.
    enqueued: i128,
    /// Its number in the partition.
    sequence: i64,
}

impl Reached {
    /// What a batch reaches, if the host says of each message which it is.
    pub(super) fn by(messages: &[Message]) -> Option<Self> {
        let of = |message: &Message| {
            let enqueued = message.enqueued.map(OffsetDateTime::unix_timestamp_nanos);
            Some(Self { enqueued: enqueued?, sequence: message.sequence? })
        };
        messages.iter().map(of).collect::<Option<Vec<_>>>()?.into_iter().max()
    }

    /// True for a message that was delivered.
    pub(super) fn knows(&self, message: &Message) -> bool {
        message.sequence.is_some_and(|sequence| sequence <= self.sequence)
            && message.enqueued.is_some_and(|enqueued| enqueued.unix_timestamp_nanos() <= self.enqueued)
    }

    /// What is written down of a partition.
    ///
    /// # Errors
    /// Storage, or the blob is damaged.
    pub(super) async fn read(
        blobs: &Blobs,
        container: &str,
        partition: &Partition,
    ) -> Result<Option<Self>, StorageError> {
        Ok(read(blobs, container, &name(partition)).await?.map(|(reached, _)| reached))
    }

    /// Writes it down, unless more is reached already.
    ///
    /// # Errors
    /// Storage.
    pub(super) async fn write(self, blobs: &Blobs, container: &str, partition: &Partition) -> Result<(), StorageError> {
        let name = name(partition);
        let body = Bytes::from(serde_json::to_vec(&self).expect("two numbers are JSON"));
        for _ in 0..ATTEMPTS {
            let known = read(blobs, container, &name).await?;
            let version = match &known {
                Some((known, _)) if *known >= self => return Ok(()),
                known => known.as_ref().map(|(_, version)| version),
            };
            let written = blobs.put_if(container, &name, (body.clone(), &[].into()), version).await?;
            if matches!(written, Outcome::Done(_)) {
                return Ok(());
            }
        }
        Ok(()) // Whoever keeps writing is further than this batch.
    }
}

async fn read(blobs: &Blobs, container: &str, name: &str) -> Result<Option<(Reached, Version)>, StorageError> {
    match blobs.get(container, name).await {
        Ok((body, version)) => match serde_json::from_slice(&body) {
            Ok(reached) => Ok(Some((reached, version))),
            Err(error) => Err(StorageError::unreadable(format!("read blob {container}/{name}, or delete it"), error)),
        },
        Err(error) if error.status() == Some(404) => Ok(None),
        Err(error) => Err(error),
    }
}

fn name(partition: &Partition) -> String {
    format!("reached/{}/{}.json", partition.reader, partition.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    fn message(sequence: i64, enqueued: OffsetDateTime) -> Message {
        Message { body: Vec::new(), sequence: Some(sequence), enqueued: Some(enqueued) }
    }

    #[test]
    fn what_was_delivered_is_known_and_a_hub_made_anew_is_not() {
        let (early, late) = (datetime!(2026-11-27 10:00 UTC), datetime!(2026-11-27 11:00 UTC));
        let reached = Reached::by(&[message(7, early), message(8, early)]).unwrap();
        assert!(reached.knows(&message(8, early)) && reached.knows(&message(1, early)));
        assert!(!reached.knows(&message(9, early)));
        assert!(!reached.knows(&message(0, late)), "it counts from the start again");
        assert!(Reached::by(&[message(0, late)]).unwrap() > reached);
        let unknown = Message { sequence: None, ..message(0, early) };
        assert!(!reached.knows(&unknown));
        assert_eq!(Reached::by(&[message(9, early), unknown]), None);
        assert_eq!(Reached::by(&[]), None);
    }
}
