//! One export blob, appended to as Azure Monitor appends: made when it is missing, continued in a next file when it is full, and nothing
//! written twice, since each append says at which position it belongs.

use std::time::Duration;

use anyhow::bail;
use time::OffsetDateTime;

use super::event::Events;
use super::rest::{Kind, RestStorage};
use crate::rows::WORKSPACE_PATH;

/// How long one append is tried. Azure Monitor tries for twelve hours; here, a test wants to know sooner.
const PATIENCE: Duration = Duration::from_secs(60);

/// What became of one append.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Appended {
    /// Blobs created for it.
    pub(super) created: u64,
    /// Of those, blobs that had been deleted since the last append.
    pub(super) recreated: u64,
    /// The bytes may be there twice: an append had no answer, and then the blob was gone.
    pub(super) doubtful: bool,
}

/// The container of a table's export. A container's name cannot hold the underscore of `MyLog_CL`; what data export writes in its place is
/// not documented, a hyphen is assumed.
pub fn container(table: &str) -> String {
    format!("am-{}", table.to_lowercase().replace('_', "-"))
}

/// The name of the blob that takes rows of the five minutes that `time` (UTC) is in; `number` counts on when one is full.
pub fn blob_name(time: OffsetDateTime, number: u32) -> String {
    let minute = time.minute() / 5 * 5;
    let (year, month, day, hour) = (time.year(), u8::from(time.month()), time.day(), time.hour());
    let suffix = if number == 0 { String::new() } else { format!("_{number}") };
    format!(
        "WorkspaceResourceId={WORKSPACE_PATH}/y={year:04}/m={month:02}/d={day:02}/h={hour:02}/m={minute:02}/PT05M{suffix}.json"
    )
}

/// A blob as its writer knows it.
pub(super) struct ExportBlob {
    container: String,
    time: OffsetDateTime,
    number: u32,
    /// Bytes that it has. `None` before it was made or found.
    length: Option<u64>,
    /// The part of the last line that was appended, when the line is not finished.
    begun: Vec<u8>,
    /// What is missing to finish that line.
    owed: Vec<u8>,
}

impl ExportBlob {
    pub(super) fn new(table: &str, time: OffsetDateTime) -> Self {
        ExportBlob { container: container(table), time, number: 0, length: None, begun: Vec::new(), owed: Vec::new() }
    }

    /// Whether its last line waits to be finished.
    pub(super) fn is_unfinished(&self) -> bool {
        !self.owed.is_empty()
    }

    /// Appends whole lines, of which the last `hold` bytes are kept back for the next call.
    pub(super) async fn append(
        &mut self,
        account: &RestStorage,
        events: Option<&Events>,
        lines: &[u8],
        hold: usize,
    ) -> anyhow::Result<Appended> {
        let mut block = std::mem::take(&mut self.owed);
        block.extend_from_slice(lines);
        let cut = block.len() - hold.min(lines.len());
        let owed = block.split_off(cut);
        // All of a one-line block may be held back, and an empty block is refused.
        let appended =
            if block.is_empty() { Appended::default() } else { self.append_block(account, events, &block).await? };
        self.begun = if owed.is_empty() { Vec::new() } else { last_line(&block).to_vec() };
        self.owed = owed;
        Ok(appended)
    }

    async fn append_block(
        &mut self,
        account: &RestStorage,
        events: Option<&Events>,
        block: &[u8],
    ) -> anyhow::Result<Appended> {
        let mut appended = Appended::default();
        let mut block = std::borrow::Cow::Borrowed(block);
        let mut unanswered = false;
        let started = tokio::time::Instant::now();
        loop {
            let name = blob_name(self.time, self.number);
            let Some(position) = self.length else {
                self.make(account, events, &name, &mut appended).await?;
                continue;
            };
            let reply = account.append(&self.container, &name, &block, position).await;
            match (reply.status, reply.code.as_str()) {
                (Some(201), _) => {
                    self.length = Some(position + length(&block));
                    return Ok(appended);
                }
                (Some(412), _) => {
                    // Either the try before this one was written and its answer was lost, or someone else made the blob anew.
                    let found = account.head(&self.container, &name).await;
                    if found.is_success() && found.length == position + length(&block) && unanswered {
                        self.length = Some(found.length);
                        return Ok(appended);
                    }
                    bail!("append to {}/{name} at {position}: another writer is at work", self.container);
                }
                (Some(404), _) => {
                    // Gone: delivered and deleted by the program under test. A line that was begun there is written whole again, and
                    // a block whose fate is unknown is written again: twice is better than never.
                    appended.recreated += 1;
                    appended.doubtful |= unanswered;
                    let begun = std::mem::take(&mut self.begun);
                    block.to_mut().splice(..0, begun).for_each(drop);
                    self.length = None;
                }
                (Some(409), "BlockCountExceedsLimit") => {
                    self.number += 1;
                    self.length = None;
                }
                (status, _) if started.elapsed() < PATIENCE => {
                    // Without an answer, and after a server's error, the block may have been written.
                    unanswered |= status.is_none_or(|status| status >= 500);
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                (status, code) => bail!("append to {}/{name}: {status:?} {code}", self.container),
            }
        }
    }

    /// Creates the blob, or finds it, and notes its length.
    async fn make(
        &mut self,
        account: &RestStorage,
        events: Option<&Events>,
        name: &str,
        appended: &mut Appended,
    ) -> anyhow::Result<()> {
        let started = tokio::time::Instant::now();
        let mut unanswered = false;
        loop {
            let reply = account.create(&self.container, name, &[], Kind::Append, true).await;
            let lost = matches!((reply.status, reply.code.as_str()), (Some(409), "BlobAlreadyExists"));
            if reply.is_success() || (lost && unanswered) {
                appended.created += 1;
                self.length = Some(0);
                if let Some(events) = events {
                    events.raise(&self.container, name, &reply.etag).await?;
                }
                return Ok(());
            }
            if lost {
                let found = account.head(&self.container, name).await;
                if found.is_success() {
                    self.length = Some(found.length);
                    return Ok(());
                }
            }
            if reply.status == Some(404) && account.ensure_container(&self.container).await.is_ok() {
                continue;
            }
            if started.elapsed() > PATIENCE {
                bail!("create {}/{name}: {:?} {}", self.container, reply.status, reply.code);
            }
            unanswered |= reply.status.is_none_or(|status| status >= 500);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// What follows the last newline.
fn last_line(block: &[u8]) -> &[u8] {
    &block[memchr::memrchr(b'\n', block).map_or(0, |at| at + 1)..]
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).expect("a length fits in 64 bits")
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn names_follow_the_documented_path() {
        let time = datetime!(2026-01-02 03:09:59.9 UTC);
        assert_eq!(container("SecurityEvent"), "am-securityevent");
        assert_eq!(container("Table09_CL"), "am-table09-cl");
        let name = blob_name(time, 0);
        assert!(name.starts_with("WorkspaceResourceId=/subscriptions/"), "{name}");
        assert!(name.ends_with("/workspaces/law-security/y=2026/m=01/d=02/h=03/m=05/PT05M.json"), "{name}");
        assert!(blob_name(time, 2).ends_with("/m=05/PT05M_2.json"));
    }
}
