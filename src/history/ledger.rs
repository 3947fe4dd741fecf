//! What is done and what is not: a small blob for each slice, in the host's account. Its name tells the window, its metadata what became of it, so a
//! listing is the whole account; every change is made under `If-Match`, so one slice is never in two hands.
//!
//! `{job}/{from}_{to}`; `{job}/job.json` says what the job is.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, TryStreamExt as _};
use time::OffsetDateTime;

use super::deliver::Sent;
use super::job::Job;
use super::slice::Slice;
use crate::azure::{Blobs, Listed, Outcome, StorageError};
use crate::claimed::Claimed;
use crate::query::window::{Ticks, Window};

/// The account of all jobs.
#[derive(Clone)]
pub struct Ledger {
    blobs: Blobs,
    container: String,
    /// How long a claim holds without being renewed.
    claim_for: Duration,
}

/// What became of a slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It waits on the queue.
    Queued,
    /// It is being read; nothing of it was sent.
    Reading,
    /// Its rows are on their way.
    Sending,
    /// All of it is where it should be, or set aside.
    Done,
    /// It was given up; the reason says why. The next run tries it again.
    Failed,
}

const STATES: [(State, &str); 5] = [
    (State::Queued, "queued"),
    (State::Reading, "reading"),
    (State::Sending, "sending"),
    (State::Done, "done"),
    (State::Failed, "failed"),
];

/// What is known of a slice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its window.
    pub slice: Slice,
    /// How far it came.
    pub state: State,
    /// Rows that were sent more than once, perhaps: whoever began to send them did not come to say that they are done.
    pub perhaps_twice: u64,
    /// Rows that are at their destination.
    pub rows: u64,
    /// Their size, in bytes of JSON.
    pub bytes: u64,
    /// Rows that were set aside.
    pub set_aside: u64,
    /// Why it failed.
    pub reason: String,
    /// When it was last written to (UTC), by the service's clock.
    pub at: OffsetDateTime,
    /// Whoever holds it.
    holder: String,
    claim_for: Duration,
}

/// What came of an attempt to claim a slice.
pub enum Claim {
    /// It is ours.
    Ours(Box<Held>),
    /// Nothing is left to do.
    Done,
    /// Somebody else is at it.
    Taken,
}

/// A slice that is ours until we stop renewing it.
pub struct Held {
    claimed: Claimed,
    record: Record,
}

/// The account cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// Somebody else took the slice: it was not renewed in time.
    #[error("slice {0} was taken over by someone else")]
    Lost(Window),
    /// Storage.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl Ledger {
    /// The account in a container.
    #[must_use]
    pub fn new(blobs: Blobs, container: &str, claim_for: Duration) -> Self {
        Self { blobs, container: container.to_owned(), claim_for }
    }

    /// The account that it is in.
    #[must_use]
    pub fn blobs(&self) -> &Blobs {
        &self.blobs
    }

    /// The container that it is in.
    #[must_use]
    pub fn container(&self) -> &str {
        &self.container
    }

    /// Writes down what a job is, unless that is there already. Gives what stands there if it is another one of the same name.
    ///
    /// # Errors
    /// Storage.
    pub async fn open(&self, job: &Job) -> Result<Option<Job>, StorageError> {
        let body = Bytes::from(serde_json::to_vec(job).expect("a job is JSON"));
        let written = self.blobs.put_if(&self.container, &job_name(&job.key()), (body, &BTreeMap::new()), None).await?;
        if written != Outcome::Changed {
            return Ok(None);
        }
        Ok(self.job(&job.key()).await?.filter(|there| !there.is(job)))
    }

    /// What a job is; none where nobody wrote it down.
    ///
    /// # Errors
    /// Storage.
    pub async fn job(&self, key: &str) -> Result<Option<Job>, StorageError> {
        let name = job_name(key);
        match self.blobs.get(&self.container, &name).await {
            Ok((body, _)) => serde_json::from_slice(&body)
                .map(Some)
                .map_err(|error| StorageError::unreadable(format!("read {name}"), error)),
            Err(error) if error.status() == Some(404) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The keys of the jobs whose slices are here.
    ///
    /// # Errors
    /// Storage.
    pub async fn jobs(&self) -> Result<Vec<String>, StorageError> {
        let mut keys: Vec<String> = Vec::new();
        for root in ["axiom/", "storage/"] {
            let mut names = std::pin::pin!(self.listed(root));
            while let Some(listed) = names.try_next().await? {
                keys.extend(listed.name.strip_suffix("/job.json").map(str::to_owned));
            }
        }
        Ok(keys)
    }

    /// The slices of a job, oldest first.
    pub fn records(&self, key: &str) -> impl Stream<Item = Result<Record, StorageError>> + Send + use<> {
        self.listed(&format!("{key}/")).try_filter_map(|listed| async move { Ok(Record::of(&listed)) })
    }

    /// What was written down about a slice when it was done: a line of JSON for each blob, or one for the dataset.
    ///
    /// # Errors
    /// Storage.
    pub async fn account(&self, key: &str, window: Window) -> Result<Bytes, StorageError> {
        Ok(self.blobs.get(&self.container, &record_name(key, window)).await?.0)
    }

    fn listed(&self, prefix: &str) -> impl Stream<Item = Result<Listed, StorageError>> + Send + use<> {
        use futures::StreamExt as _;
        // The container is created when the first slice is claimed: until then, nothing is done.
        let missing = |item: &Result<_, StorageError>| matches!(item, Err(error) if error.status() == Some(404));
        self.blobs.list(&self.container, prefix).take_while(move |item| std::future::ready(!missing(item)))
    }

    /// Writes down that a slice waits on the queue, unless more is known of it.
    ///
    /// # Errors
    /// Storage.
    pub async fn queued(&self, key: &str, slice: Slice) -> Result<(), StorageError> {
        let record = Record { state: State::Queued, ..Record::new(slice, "", self.claim_for) };
        let (name, metadata) = (record_name(key, slice.window), record.metadata());
        self.blobs.put_if(&self.container, &name, (Bytes::new(), &metadata), None).await.map(drop)
    }

    /// Claims the right to cut slices of a job: two that cut at the same time would cut differently.
    ///
    /// # Errors
    /// Storage.
    pub async fn claim_job(&self, key: &str, holder: &str) -> Result<Claim, StorageError> {
        let window = Window { from: Ticks(0), to: Ticks(1) };
        self.claim(&format!("runs/{key}"), Slice { window, rows: 0, bytes: 0 }, holder).await
    }

    /// Claims a slice, for whoever is called `holder`.
    ///
    /// # Errors
    /// Storage.
    pub async fn claim(&self, key: &str, slice: Slice, holder: &str) -> Result<Claim, StorageError> {
        let name = record_name(key, slice.window);
        let mut record = Record::new(slice, holder, self.claim_for);
        let mut version = None;
        // Twice at most: once as if nobody had been there, once with what was found.
        for _ in 0..2 {
            let metadata = record.metadata();
            let (place, content) = ((self.container.as_str(), name.as_str()), (Bytes::new(), &metadata));
            if let Some(claimed) = Claimed::claim(&self.blobs, place, content, version.as_ref(), self.claim_for).await?
            {
                return Ok(Claim::Ours(Box::new(Held { claimed, record })));
            }
            let Some(seen) = self.blobs.properties(&self.container, &name).await? else { continue };
            let Some(found) = Record::read(&name, &seen.metadata, seen.modified) else { return Ok(Claim::Taken) };
            match found.state {
                State::Done => return Ok(Claim::Done),
                State::Reading | State::Sending if found.is_alive(seen.now) && found.holder != holder => {
                    return Ok(Claim::Taken);
                }
                _ => record.perhaps_twice = found.perhaps_twice + found.sent_for_nothing(),
            }
            version = Some(seen.version);
        }
        Ok(Claim::Taken)
    }
}

impl Held {
    /// The slice.
    #[must_use]
    pub fn slice(&self) -> Slice {
        self.record.slice
    }

    /// Whether somebody began to send it before us.
    #[must_use]
    pub fn is_repeated(&self) -> bool {
        self.record.perhaps_twice > 0
    }

    /// Does some work while the claim is renewed.
    ///
    /// # Errors
    /// The claim was lost, or cannot be renewed: the work is dropped where it is.
    pub async fn renewing<T>(&mut self, work: impl Future<Output = T>) -> Result<T, LedgerError> {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return Ok(done),
                () = tokio::time::sleep_until(self.claimed.renew_at()) => self.store(Bytes::new()).await?,
            }
        }
    }

    /// From now on rows may be at their destination.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn sending(&mut self) -> Result<(), LedgerError> {
        self.record.state = State::Sending;
        self.store(Bytes::new()).await
    }

    /// All of it is done; `sent` proves it.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn done(mut self, sent: &Sent) -> Result<Record, LedgerError> {
        let Record { state, rows, bytes, set_aside, .. } = &mut self.record;
        (*state, *rows, *bytes, *set_aside) = (State::Done, sent.rows(), sent.bytes(), sent.set_aside());
        self.record.perhaps_twice += sent.perhaps_twice();
        self.store(sent.account().into()).await?;
        Ok(self.record)
    }

    /// Gives it up, and says why.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn failed(mut self, reason: &str) -> Result<(), LedgerError> {
        self.record.perhaps_twice += self.record.sent_for_nothing();
        (self.record.state, self.record.reason) = (State::Failed, reason.to_owned());
        self.store(Bytes::new()).await
    }

    /// Gives it back as if it had never been claimed: nothing of it was sent. One that was sent in part before us stays known as such.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn release(self) -> Result<(), LedgerError> {
        if self.record.perhaps_twice > 0 {
            return self.failed("stopped").await;
        }
        Ok(self.claimed.delete().await?)
    }

    async fn store(&mut self, body: Bytes) -> Result<(), LedgerError> {
        let ours = self.claimed.store(body, &self.record.metadata()).await?;
        if ours { Ok(()) } else { Err(LedgerError::Lost(self.record.slice.window)) }
    }
}

impl Record {
    fn new(slice: Slice, holder: &str, claim_for: Duration) -> Self {
        Self {
            slice,
            state: State::Reading,
            perhaps_twice: 0,
            rows: 0,
            bytes: 0,
            set_aside: 0,
            reason: String::new(),
            at: OffsetDateTime::UNIX_EPOCH,
            holder: holder.to_owned(),
            claim_for,
        }
    }

    /// Whether somebody still renews it, at this time (UTC).
    #[must_use]
    pub fn is_alive(&self, now: OffsetDateTime) -> bool {
        now - self.at < self.claim_for
    }

    /// Rows that will be sent once more, since nobody knows how many of them arrived.
    fn sent_for_nothing(&self) -> u64 {
        if self.state == State::Sending { self.slice.rows } else { 0 }
    }

    fn metadata(&self) -> BTreeMap<String, String> {
        let state = STATES.iter().find(|(state, _)| *state == self.state).map_or("", |(_, word)| word);
        // Metadata are headers: printable ASCII.
        let reason: String =
            self.reason.chars().map(|c| if (' '..='~').contains(&c) { c } else { '?' }).take(1000).collect();
        let text = [("state", state.to_owned()), ("holder", self.holder.clone()), ("reason", reason.trim().to_owned())];
        let numbers = [
            ("planned_rows", self.slice.rows),
            ("planned_bytes", self.slice.bytes),
            ("rows", self.rows),
            ("bytes", self.bytes),
            ("set_aside", self.set_aside),
            ("perhaps_twice", self.perhaps_twice),
            ("claim_seconds", self.claim_for.as_secs()),
        ];
        let numbers = numbers.into_iter().map(|(name, number)| (name, number.to_string()));
        text.into_iter()
            .chain(numbers)
            .filter(|(_, text)| !text.is_empty())
            .map(|(name, text)| (name.to_owned(), text))
            .collect()
    }

    fn of(listed: &Listed) -> Option<Self> {
        Self::read(&listed.name, &listed.metadata, listed.modified)
    }

    fn read(name: &str, metadata: &BTreeMap<String, String>, at: OffsetDateTime) -> Option<Self> {
        let (from, to) = name.rsplit('/').next()?.split_once('_')?;
        let window = Window { from: Ticks::parse_compact(from)?, to: Ticks::parse_compact(to)? };
        let text = |name: &str| metadata.get(name).map_or("", String::as_str);
        let number = |name: &str| text(name).parse::<u64>().unwrap_or_default();
        Some(Self {
            slice: Slice { window, rows: number("planned_rows"), bytes: number("planned_bytes") },
            state: STATES.iter().find(|(_, word)| *word == text("state"))?.0,
            perhaps_twice: number("perhaps_twice"),
            rows: number("rows"),
            bytes: number("bytes"),
            set_aside: number("set_aside"),
            reason: text("reason").to_owned(),
            at,
            holder: text("holder").to_owned(),
            claim_for: Duration::from_secs(number("claim_seconds")),
        })
    }
}

fn job_name(key: &str) -> String {
    format!("{key}/job.json")
}

fn record_name(key: &str, window: Window) -> String {
    format!("{key}/{}_{}", window.from.compact(), window.to.compact())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let at = |text| Ticks::parse(text).unwrap();
        let window = Window { from: at("2026-01-01"), to: at("2026-01-01T00:00:00.0000001Z") };
        let mut record = Record::new(Slice { window, rows: 5, bytes: 700 }, "me", Duration::from_secs(9));
        for (state, _) in STATES {
            record.state = state;
            let name = record_name("axiom/d/T", window);
            assert_eq!(Record::read(&name, &record.metadata(), record.at), Some(record.clone()));
        }
        record.reason = "é\nx".to_owned();
        assert_eq!(record.metadata()["reason"], "??x");
        assert_eq!(Record::read("axiom/d/T/job.json", &record.metadata(), record.at), None);
    }
}
