//! Rows that Axiom did not take in time: blobs of lines in the host's account, one for each batch and table, until a sweep delivers them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use tokio::time::Instant;

use super::{TRIES, left};
use crate::azure::{Blobs, Listed, StorageError};
use crate::claimed::Claimed;
use crate::report::chain;
use crate::send::{self, Sent};
use crate::ship::{Flow, Until};

/// Blobs delivered at the same time.
const AT_ONCE: usize = 4;

/// Where they are in the container.
const FOLDER: &str = "waiting/";

/// Metadata: who is at it.
const HOLDER: &str = "holder";

/// Metadata: Axiom may hold some of the rows.
const PERHAPS: &str = "perhaps_delivered";

/// The rows that wait.
#[derive(Clone)]
pub(super) struct Waiting {
    blobs: Blobs,
    container: String,
    claim_for: Duration,
}

/// What a sweep did for rows that waited.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Replayed {
    /// Blobs that were looked at.
    pub blobs: u64,
    /// Blobs that are left.
    pub left: u64,
    /// Rows that Axiom has acknowledged.
    pub rows: u64,
    /// Rows that were set aside.
    pub set_aside: u64,
    /// Rows that Axiom may hold twice.
    pub perhaps_twice: u64,
}

impl std::fmt::Display for Replayed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { blobs, left, rows, set_aside, perhaps_twice } = self;
        write!(
            f,
            "{blobs} blobs of messages waited: {rows} rows delivered, {set_aside} set aside, {perhaps_twice} perhaps twice, \
             {left} blobs are left"
        )
    }
}

/// What is known while a replay goes on.
#[derive(Default)]
struct Progress {
    replayed: Replayed,
    /// Tables whose rows are refused for a reason that people must mend.
    refused: BTreeSet<String>,
    /// Axiom takes nothing now.
    over: bool,
}

impl Waiting {
    pub(super) fn new(blobs: Blobs, container: &str, claim_for: Duration) -> Self {
        Self { blobs, container: container.to_owned(), claim_for }
    }

    /// Keeps lines of a table. A batch that comes again has the same `source`: what it leaves takes the place of what it left before.
    pub(super) async fn put(
        &self,
        table: &str,
        source: &str,
        lines: Vec<u8>,
        perhaps_delivered: bool,
    ) -> Result<(), StorageError> {
        let name = format!("{FOLDER}{table}/{source}.jsonl");
        self.blobs.put_with(&self.container, &name, lines.into(), &metadata("", perhaps_delivered)).await
    }

    /// Delivers what waits, until Axiom takes nothing more.
    pub(super) async fn replay(&self, flow: &Flow, until: &Until) -> Result<Replayed, StorageError> {
        let progress = Mutex::new(Progress::default());
        let failed = Mutex::new(None);
        let listing = self.blobs.list(&self.container, FOLDER);
        listing
            .take_until(until.reached())
            .for_each_concurrent(AT_ONCE, |listed| async {
                match listed {
                    Ok(listed) => self.one(flow, &listed, until, &progress).await,
                    // The container is created when it is first needed.
                    Err(error) if error.status() == Some(404) => {}
                    Err(error) => *failed.lock().expect("nothing panics while it is held") = Some(error),
                }
            })
            .await;
        match failed.into_inner().expect("nothing panics while it is held") {
            Some(error) => Err(error),
            None => Ok(progress.into_inner().expect("nothing panics while it is held").replayed),
        }
    }

    async fn one(&self, flow: &Flow, listed: &Listed, until: &Until, progress: &Mutex<Progress>) {
        let Some((table, _)) = listed.name.strip_prefix(FOLDER).and_then(|rest| rest.split_once('/')) else { return };
        let progress = || progress.lock().expect("nothing panics while it is held");
        {
            let mut progress = progress();
            progress.replayed.blobs += 1;
            if progress.over || progress.refused.contains(table) || flow.axiom.paused().is_some() {
                progress.replayed.left += 1;
                return;
            }
        }
        let outcome = self.deliver(flow, &listed.name, table, until).await;
        let mut progress = progress();
        match outcome {
            Ok(Some((sent, perhaps))) => {
                let arrived = sent.arrived;
                progress.replayed.rows += arrived.rows;
                progress.replayed.set_aside += arrived.set_aside;
                progress.replayed.perhaps_twice += if perhaps { arrived.rows } else { arrived.perhaps_twice };
                if let Some(error) = sent.error {
                    tracing::warn!(blob = listed.name, error = chain(&error), "rows wait on");
                    progress.replayed.left += 1;
                    if error.is_configuration() {
                        progress.refused.insert(table.to_owned());
                    } else {
                        progress.over = true;
                    }
                }
            }
            Ok(None) => progress.replayed.left += 1, // Another sweep is at it.
            Err(error) => {
                tracing::warn!(blob = listed.name, error = chain(&error), "rows wait on");
                progress.replayed.left += 1;
            }
        }
    }

    /// Delivers one blob while it is ours. Gives what became of its rows and whether they were perhaps delivered before; none when it is another's.
    async fn deliver(
        &self,
        flow: &Flow,
        name: &str,
        table: &str,
        until: &Until,
    ) -> Result<Option<(Sent, bool)>, StorageError> {
        let Some(seen) = self.blobs.properties(&self.container, name).await? else { return Ok(None) };
        let held = seen.metadata.get(HOLDER).is_some_and(|holder| !holder.is_empty());
        if held && seen.now - seen.modified < self.claim_for {
            return Ok(None);
        }
        // Whoever held it is gone without a word, and may have delivered it.
        let perhaps = held || seen.metadata.get(PERHAPS).is_some_and(|perhaps| perhaps == "true");
        let (lines, version) = self.blobs.get(&self.container, name).await?;
        let ours = metadata(&format!("{:016x}", fastrand::u64(..)), perhaps);
        let claim = Claimed::claim(
            &self.blobs,
            (&self.container, name),
            (lines.clone(), &ours),
            Some(&version).filter(|version| **version == seen.version),
            self.claim_for,
        );
        let Some(mut claimed) = claim.await? else { return Ok(None) };
        let dataset = flow.axiom.dataset_for(Some(table), table);
        let source = format!("{}/{name}", self.container);
        let deadline = until.deadline.min(Instant::now() + TRIES);
        let mut sending = std::pin::pin!(send::send_until(flow, &dataset, (&source, 0), &lines, deadline));
        let sent = loop {
            tokio::select! {
                sent = &mut sending => break sent,
                () = tokio::time::sleep_until(claimed.renew_at()) => {
                    if !claimed.store(lines.clone(), &ours).await? {
                        return Ok(None);
                    }
                }
            }
        };
        if sent.error.is_none() {
            claimed.delete().await?;
        } else {
            let rest = Bytes::from(left(&sent, &lines));
            claimed.store(rest, &metadata("", perhaps || sent.left_perhaps_delivered)).await?;
        }
        Ok(Some((sent, perhaps)))
    }
}

fn metadata(holder: &str, perhaps_delivered: bool) -> BTreeMap<String, String> {
    let metadata = [(HOLDER, holder.to_owned()), (PERHAPS, perhaps_delivered.to_string())];
    metadata.into_iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| (name.to_owned(), value)).collect()
}
