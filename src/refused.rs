//! Rows that Axiom will never take: kept aside with their reason, never dropped.
//!
//! One blob of JSON lines for each batch that had such rows, named by the source blob and the stretch, so that a repeated batch writes over
//! its own record instead of beside it.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::{Stream, StreamExt as _, TryStreamExt as _};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::time::Instant;

use crate::axiom::{Axiom, Delivered, Destination, Undelivered};
use crate::azure::{Blobs, StorageError, Version};
use crate::batch::{Batch, Refused, Row, Span};
use crate::body::Body;
use crate::lines;

/// The container of the host's account where refused rows are kept.
#[derive(Clone)]
pub struct RefusedRows {
    blobs: Blobs,
    container: String,
}

/// A stretch of a source of which every row is in Axiom or set aside. Only this module can make one, and only from what `axiom` delivered.
#[derive(Debug)]
pub struct Kept {
    delivered: Delivered,
}

/// Where rows come from and were to go.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The source blob, `container/name`.
    pub blob: String,
    /// When that blob was created (UTC): tells two blobs of one name apart.
    pub created: OffsetDateTime,
    /// The dataset.
    pub dataset: String,
}

/// One refused row, as it is written.
#[derive(Debug, Serialize, Deserialize, PartialEq, Eq, Clone)]
pub struct Record {
    /// Why it was refused.
    pub reason: String,
    /// The dataset it was for.
    pub dataset: String,
    /// The source blob, `container/name`.
    pub blob: String,
    /// Where the row began there, in bytes.
    pub offset: u64,
    /// True when Axiom may hold the row all the same; sending it again may duplicate it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub perhaps_delivered: bool,
    /// The row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<String>,
    /// The row in base64, when it is not UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row_base64: Option<String>,
    /// When it was set aside (UTC, RFC 3339).
    pub at: String,
}

impl Record {
    fn new(origin: &Origin, refused: &Refused, at: &str) -> Self {
        let (row, row_base64) = match std::str::from_utf8(&refused.row) {
            Ok(row) => (Some(row.to_owned()), None),
            Err(_) => (None, Some(STANDARD.encode(&refused.row))),
        };
        Self {
            reason: refused.reason.clone(),
            dataset: origin.dataset.clone(),
            blob: origin.blob.clone(),
            offset: refused.source,
            perhaps_delivered: refused.perhaps_delivered,
            row,
            row_base64,
            at: at.to_owned(),
        }
    }

    /// The row's bytes, exactly as they stood in the source.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        match (&self.row, &self.row_base64) {
            (Some(row), _) => row.clone().into_bytes(),
            (None, Some(text)) => STANDARD.decode(text).unwrap_or_default(),
            (None, None) => Vec::new(),
        }
    }
}

impl Kept {
    /// What it covers in the source.
    #[must_use]
    pub fn span(&self) -> Span {
        self.delivered.span()
    }

    /// How it was delivered.
    #[must_use]
    pub fn delivered(&self) -> &Delivered {
        &self.delivered
    }

    /// Rows set aside.
    #[must_use]
    pub fn set_aside(&self) -> u64 {
        self.delivered.refused().len() as u64
    }
}

impl RefusedRows {
    /// Refused rows in this container, which is created when it is first needed.
    #[must_use]
    pub fn new(blobs: Blobs, container: &str) -> Self {
        Self { blobs, container: container.to_owned() }
    }

    /// Writes the refused rows of a delivered batch, if there are any, before its offset may be passed. Tried for a while whatever storage answers: Axiom
    /// may hold the rest of the batch already, which would be sent again.
    ///
    /// # Errors
    /// The rows could not be written: the batch must not count as settled.
    pub async fn keep(&self, delivered: Delivered, origin: &Origin) -> Result<Kept, StorageError> {
        self.set_aside(delivered.refused(), origin, delivered.span()).await?;
        Ok(Kept { delivered })
    }

    /// Writes refused rows of a span of a source, if there are any.
    ///
    /// # Errors
    /// The rows could not be written.
    pub async fn set_aside(&self, refused: &[Refused], origin: &Origin, span: Span) -> Result<(), StorageError> {
        if refused.is_empty() {
            return Ok(());
        }
        let at = OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default();
        let records: Vec<_> = refused.iter().map(|row| Record::new(origin, row, &at)).collect();
        self.blobs.put(&self.container, &name(origin, span), to_lines(&records).into()).await
    }
}

/// What became of one blob of refused rows that was sent again.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Replayed {
    /// Rows that Axiom has acknowledged now.
    pub delivered: u64,
    /// Rows that stay set aside.
    pub remain: u64,
}

/// Which rows are sent again.
#[derive(Debug, Clone, Copy)]
pub struct Replay {
    /// Also those that Axiom may hold already, at the price of duplicates.
    pub perhaps_delivered: bool,
    /// Largest row that is sent, in bytes.
    pub row_bytes: usize,
}

impl RefusedRows {
    /// The blobs of refused rows whose source begins with `prefix`.
    pub fn list(&self, prefix: &str) -> impl Stream<Item = Result<String, StorageError>> + Send + use<> {
        // The container is created when it is first needed: until then, nothing is set aside.
        let missing = |item: &Result<_, StorageError>| matches!(item, Err(error) if error.status() == Some(404));
        self.blobs
            .list(&self.container, prefix)
            .map_ok(|listed| listed.name)
            .take_while(move |item| std::future::ready(!missing(item)))
    }

    /// The rows of one of them.
    ///
    /// # Errors
    /// The blob cannot be read.
    pub async fn read(&self, name: &str) -> Result<(Vec<Record>, Version), StorageError> {
        let (body, version) = self.blobs.get(&self.container, name).await?;
        // A line that is no record is nothing that this program wrote; it stays where it is, since only whole blobs of records are replaced.
        let records = body
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(serde_json::from_slice)
            .collect::<Result<_, _>>();
        let records = records.map_err(|error| StorageError::unreadable(format!("read refused rows {name}"), error))?;
        Ok((records, version))
    }

    /// Sends the rows of one blob again and keeps those that are refused still. The record is replaced only after the delivery.
    ///
    /// # Errors
    /// The rows could not be read, delivered or written: then all that are not delivered stay.
    pub async fn replay(&self, axiom: &Axiom, name: &str, which: Replay) -> Result<Replayed, ReplayError> {
        let (records, version) = self.read(name).await?;
        let sendable = |record: &Record| {
            (which.perhaps_delivered || !record.perhaps_delivered)
                && lines::check_row(&record.bytes(), which.row_bytes).is_ok()
        };
        let (mut send, mut remain): (Vec<Record>, Vec<Record>) = records.into_iter().partition(sendable);
        send.sort_by_key(|record| record.offset);
        let Some(first) = send.first() else { return Ok(Replayed { delivered: 0, remain: remain.len() as u64 }) };
        let destination = Destination { dataset: first.dataset.clone(), blob: Some(first.blob.clone()) };
        let deadline = Instant::now() + REPLAY_TRIES;
        let packed = axiom.pack(batch(&send), REPLAY_LEVEL).await;
        let (delivered, undelivered) = match axiom.deliver(&destination, packed, deadline).await {
            Ok(delivered) => (delivered, None),
            Err(mut undelivered) => match undelivered.take_part() {
                Some(delivered) => (delivered, Some(undelivered)),
                None => return Err(undelivered.into()),
            },
        };
        remain.extend(send.iter().filter(|record| record.offset >= delivered.span().end).cloned());
        for refused in delivered.refused() {
            remain.extend(send.iter().find(|record| record.offset == refused.source).map(|record| Record {
                reason: refused.reason.clone(),
                perhaps_delivered: record.perhaps_delivered || refused.perhaps_delivered,
                ..record.clone()
            }));
        }
        if remain.is_empty() {
            self.blobs.delete(&self.container, name, &version).await?;
        } else {
            self.blobs.put(&self.container, name, to_lines(&remain).into()).await?;
        }
        match undelivered {
            Some(undelivered) => Err(undelivered.into()),
            None => Ok(Replayed { delivered: delivered.tally().rows, remain: remain.len() as u64 }),
        }
    }
}

/// How long the rows of one blob are tried again.
const REPLAY_TRIES: Duration = Duration::from_secs(60);

/// Few rows: the best ratio costs nothing.
const REPLAY_LEVEL: i32 = 9;

/// Why refused rows could not be sent again.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// Storage.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// Axiom.
    #[error(transparent)]
    Axiom(#[from] Undelivered),
}

fn batch(records: &[Record]) -> Batch {
    let mut batch =
        Batch { span: Span { start: 0, end: 0 }, body: Body::default(), rows: Vec::new(), refused: Vec::new() };
    for record in records {
        batch.body.extend_from_slice(&record.bytes());
        batch.body.push(b'\n');
        batch.rows.push(Row { end: batch.body.len(), source: record.offset });
    }
    batch.span = Span { start: records[0].offset, end: records[records.len() - 1].offset + 1 };
    batch
}

fn to_lines(records: &[Record]) -> Vec<u8> {
    let mut body = Vec::new();
    for record in records {
        serde_json::to_writer(&mut body, record).expect("a record of texts and numbers is JSON");
        body.push(b'\n');
    }
    body
}

/// Both ends are in the name: a visit that is held up until its claim has run out may write the record of a shorter batch from the same offset
/// after the visit that took over, and must not write over what that one has set aside.
fn name(origin: &Origin, span: Span) -> String {
    let created = origin.created.unix_timestamp();
    format!("{}/{created}-{:020}-{:020}.jsonl", origin.blob, span.start, span.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_gives_the_bytes_back_whatever_they_are() {
        let origin = Origin { blob: "am-x/y".into(), created: OffsetDateTime::UNIX_EPOCH, dataset: "x".into() };
        for row in [b"{\"a\":\"\xc3\xa9\"".to_vec(), b"\xff\x00".to_vec(), Vec::new()] {
            let refused = Refused { source: 7, row: row.clone(), reason: "r".into(), perhaps_delivered: false };
            let text = serde_json::to_string(&Record::new(&origin, &refused, "now")).unwrap();
            let back: Record = serde_json::from_str(&text).unwrap();
            assert_eq!((back.bytes(), back.offset, back.perhaps_delivered), (row, 7, false), "{text}");
        }
        let long = name(&origin, Span { start: 7, end: 90 });
        assert_eq!(long, "am-x/y/0-00000000000000000007-00000000000000000090.jsonl");
        assert_ne!(long, name(&origin, Span { start: 7, end: 50 }), "a shorter batch has a record of its own");
    }
}
