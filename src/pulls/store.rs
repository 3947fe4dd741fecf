//! The state of each pull, a blob in the host's account. It is written under `If-Match` and claimed while a run goes on, so that a pull never runs twice
//! at a time.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;

use super::seen::Seen;
use super::state::State;
use crate::azure::{Blobs, StorageError};
use crate::claimed::Claimed;

/// The states of all pulls.
#[derive(Clone)]
pub struct Store {
    blobs: Blobs,
    container: String,
    claim_for: Duration,
}

/// What came of an attempt to claim a pull.
pub enum Claim {
    /// It is ours.
    Ours(Box<Held>),
    /// Another run is at it.
    Taken,
}

/// A pull that is ours while it is written often enough.
pub struct Held {
    /// What is known of it; kept by [`Held::save`].
    pub state: State,
    name: String,
    claimed: Claimed,
    holder: String,
    saves: u64,
}

/// The state cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Somebody else took the pull over: it was not renewed in time.
    #[error("pull {0} was taken over by another run")]
    Lost(String),
    /// What is there is nothing that this program wrote.
    #[error(
        "read the state of pull {0}: the blob is damaged (put an older version of it in its place, or delete it, and the pull begins anew)"
    )]
    Damaged(String),
    /// Storage.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl Store {
    /// The states in a container.
    #[must_use]
    pub fn new(blobs: Blobs, container: &str, claim_for: Duration) -> Self {
        Self { blobs, container: container.to_owned(), claim_for }
    }

    /// What is known of a pull.
    ///
    /// # Errors
    /// Storage.
    pub async fn look(&self, name: &str) -> Result<State, StoreError> {
        match self.blobs.get(&self.container, &blob(name)).await {
            Ok((body, _)) => read(name, &body),
            Err(error) if error.status() == Some(404) => Ok(State::default()),
            Err(error) => Err(error.into()),
        }
    }

    /// Claims a pull.
    ///
    /// # Errors
    /// Storage.
    pub async fn claim(&self, name: &str) -> Result<Claim, StoreError> {
        let holder = format!("{:016x}", fastrand::u64(..));
        let (mut state, mut version) = (State::default(), None);
        if let Some(seen) = self.blobs.properties(&self.container, &blob(name)).await? {
            let held = seen.metadata.get("holder").is_some_and(|holder| !holder.is_empty());
            if held && seen.now - seen.modified < self.claim_for {
                return Ok(Claim::Taken);
            }
            let (body, read_at) = self.blobs.get(&self.container, &blob(name)).await?;
            if read_at != seen.version {
                // Somebody wrote to it in between, and may hold it.
                return Ok(Claim::Taken);
            }
            (state, version) = (read(name, &body)?, Some(read_at));
        }
        let metadata = metadata(&holder, 0);
        let (place, content) = ((self.container.as_str(), &*blob(name)), (write(&state), &metadata));
        let claimed = Claimed::claim(&self.blobs, place, content, version.as_ref(), self.claim_for).await?;
        let Some(claimed) = claimed else { return Ok(Claim::Taken) };
        Ok(Claim::Ours(Box::new(Held { state, name: name.to_owned(), claimed, holder, saves: 0 })))
    }
}

impl Held {
    /// Keeps the state as it is now.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn save(&mut self) -> Result<(), StoreError> {
        self.saves += 1;
        let metadata = metadata(&self.holder, self.saves);
        let ours = self.claimed.store(write(&self.state), &metadata).await?;
        if ours { Ok(()) } else { Err(StoreError::Lost(self.name.clone())) }
    }

    /// Does some work while the claim is renewed.
    ///
    /// # Errors
    /// The claim was lost, or cannot be renewed: the work is dropped where it is.
    pub async fn renewing<T>(&mut self, work: impl Future<Output = T>) -> Result<T, StoreError> {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return Ok(done),
                () = tokio::time::sleep_until(self.claimed.renew_at()) => self.save().await?,
            }
        }
    }

    /// Keeps the state and gives the pull back.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn release(mut self) -> Result<(), StoreError> {
        self.holder.clear();
        self.save().await
    }
}

fn blob(name: &str) -> String {
    format!("{}.state", name.to_ascii_lowercase())
}

/// What tells one write from another. An empty value is no header.
fn metadata(holder: &str, saves: u64) -> BTreeMap<String, String> {
    let all = [("holder", holder.to_owned()), ("save", format!("{saves}"))];
    all.into_iter().filter(|(_, text)| !text.is_empty()).map(|(name, text)| (name.to_owned(), text)).collect()
}

/// A line of JSON, and behind it the rows that were seen.
fn write(state: &State) -> Bytes {
    let mut body = serde_json::to_vec(state).expect("texts and numbers are JSON");
    body.push(b'\n');
    body.extend_from_slice(&state.seen.write());
    body.into()
}

fn read(name: &str, body: &[u8]) -> Result<State, StoreError> {
    let damaged = || StoreError::Damaged(name.to_owned());
    let end = memchr::memchr(b'\n', body).ok_or_else(damaged)?;
    let state: State = serde_json::from_slice(&body[..end]).map_err(|_| damaged())?;
    let seen = Seen::read(&body[end + 1..]).ok_or_else(damaged)?;
    Ok(State { seen, ..state })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pulls::seen::Mark;
    use crate::query::window::Ticks;

    #[test]
    fn a_state_is_read_as_it_was_written() {
        let mut state = State { kind: "k".to_owned(), watermark: Some(Ticks(5)), ..State::default() };
        state.seen.add([(Ticks(10), Mark::of(b"\n"))]);
        let body = write(&state);
        assert_eq!(read("p", &body).unwrap(), state);
        for damaged in [&body[..body.len() - 1], b"", b"{}", b"x\n"] {
            assert!(matches!(read("p", damaged), Err(StoreError::Damaged(_))));
        }
    }
}
