//! What no event finished: a look at the listing of all export containers, which is the truth that events only make quicker.

use std::collections::BinaryHeap;

use futures::{StreamExt as _, TryStreamExt as _};
use time::OffsetDateTime;

use super::marks::Marks;
use super::plan::{self, Plan, Policy, View};
use crate::azure::{Blobs, Listed, StorageError};
use crate::settings::TableFilter;
use crate::wake::ExportBlob;

/// Containers listed at the same time.
const AT_ONCE: usize = 8;

/// A blob that has work, and where the work begins.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Work {
    /// When its rows were made, by its folder, in seconds since 1970 UTC: older ones come first.
    folder: i64,
    /// The blob.
    pub blob: ExportBlob,
    /// First byte that is not delivered, as the listing shows it.
    pub offset: u64,
}

/// What a sweep found.
#[derive(Debug, Default)]
pub struct Found {
    /// Blobs with work, oldest first, at most as many as were asked for.
    pub work: Vec<Work>,
    /// All blobs seen.
    pub blobs: u64,
    /// All blobs with work.
    pub waiting: u64,
    /// Bytes that are not delivered.
    pub waiting_bytes: u64,
    /// When the one of these blobs that has been left alone for longest was written to (UTC). Not the age of its folder: late rows go to old folders.
    pub oldest_write: Option<OffsetDateTime>,
    /// Names that are not those of data export, the first few.
    pub strange: Vec<String>,
    /// Containers that could not be listed.
    pub failed: Vec<StorageError>,
}

/// Names reported of those that do not belong to data export, in one sweep.
const STRANGE: usize = 100;

/// Lists all `am-*` containers and keeps the `most` oldest blobs that have work, a fair share of each table. Memory depends on `most` alone.
///
/// # Errors
/// The containers cannot be listed. A container that fails is reported in [`Found`] and does not keep the others waiting.
pub async fn sweep(blobs: &Blobs, tables: &TableFilter, policy: Policy, most: usize) -> Result<Found, StorageError> {
    let found = std::sync::Mutex::new((Found::default(), Vec::new()));
    blobs
        .containers("am-")
        .try_for_each_concurrent(AT_ONCE, |container| {
            let found = &found;
            async move {
                if container.strip_prefix("am-").is_some_and(|table| tables.wants(table)) {
                    let (of_container, work) = list(blobs, &container, policy, most).await;
                    let mut found = found.lock().expect("nothing panics while it is held");
                    found.0.add(of_container);
                    found.1.push(work);
                    if found.1.iter().map(Vec::len).sum::<usize>() > 4 * most {
                        trim(&mut found.1, most);
                    }
                }
                Ok(())
            }
        })
        .await?;
    let (mut found, by_table) = found.into_inner().expect("nothing panics while it is held");
    found.work = fair_share(by_table, most);
    Ok(found)
}

/// Lists one container: what there is, and the `most` oldest blobs that have work, oldest first.
async fn list(blobs: &Blobs, container: &str, policy: Policy, most: usize) -> (Found, Vec<Work>) {
    let (mut found, mut oldest) = (Found::default(), BinaryHeap::new());
    let mut listing = std::pin::pin!(blobs.list(container, ""));
    while let Some(listed) = listing.next().await {
        match listed {
            Ok(listed) => oldest.extend(found.consider(container, &listed, policy)),
            Err(error) => {
                found.failed.push(error);
                break;
            }
        }
        if oldest.len() > most {
            oldest.pop(); // The youngest of them.
        }
    }
    (found, oldest.into_sorted_vec())
}

/// Drops what [`fair_share`] could not choose, whatever tables are still to come.
fn trim(by_table: &mut [Vec<Work>], most: usize) {
    let longest = by_table.iter().map(Vec::len).max().unwrap_or_default();
    let kept = |each: usize| by_table.iter().map(|work| work.len().min(each)).sum::<usize>();
    let each = (1..longest).find(|each| kept(*each) >= most).unwrap_or(longest);
    by_table.iter_mut().for_each(|work| work.truncate(each));
}

/// The oldest of each table first, then the second oldest, until there are `most`; then sorted by age. So a table that cannot be delivered for days,
/// and has the oldest blobs of all, does not keep the others waiting.
fn fair_share(mut by_table: Vec<Vec<Work>>, most: usize) -> Vec<Work> {
    let mut rest: Vec<_> = by_table.iter_mut().map(|work| work.drain(..)).collect();
    let mut chosen = Vec::new();
    while chosen.len() < most {
        let before = chosen.len();
        chosen.extend(rest.iter_mut().filter_map(Iterator::next).take(most - before));
        if chosen.len() == before {
            break;
        }
    }
    chosen.sort_unstable();
    chosen
}

/// A blob as the listing shows it, and what is to be done about it; none where the name is not one of data export.
pub fn look(container: &str, listed: &Listed, policy: Policy) -> Option<(ExportBlob, Plan)> {
    let blob = ExportBlob::parse(container, &listed.name).ok()?;
    let view = View {
        length: listed.length,
        modified: listed.modified.unix_timestamp(),
        now: OffsetDateTime::now_utc().unix_timestamp(),
        append: listed.append,
        marks: Marks::read(&listed.metadata),
    };
    Some((blob, plan::plan(&view, policy)))
}

impl Found {
    /// Counts a blob; gives the work that it has.
    fn consider(&mut self, container: &str, listed: &Listed, policy: Policy) -> Option<Work> {
        self.blobs += 1;
        let Some((blob, plan)) = look(container, listed, policy) else {
            if self.strange.len() < STRANGE {
                self.strange.push(format!("{container}/{}", listed.name));
            }
            return None;
        };
        let offset = match plan {
            Plan::Leave(_) => return None,
            Plan::Ship { from, .. } => from,
            Plan::Delete => listed.length,
        };
        self.waiting += 1;
        self.waiting_bytes += listed.length - offset;
        if offset < listed.length {
            self.oldest_write = Some(self.oldest_write.map_or(listed.modified, |oldest| oldest.min(listed.modified)));
        }
        Some(Work { folder: blob.folder_time().unix_timestamp(), blob, offset })
    }

    fn add(&mut self, more: Self) {
        self.blobs += more.blobs;
        self.waiting += more.waiting;
        self.waiting_bytes += more.waiting_bytes;
        self.oldest_write = self.oldest_write.into_iter().chain(more.oldest_write).min();
        self.strange.extend(more.strange);
        self.strange.truncate(STRANGE);
        self.failed.extend(more.failed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(table: &str, minute: u8) -> Work {
        let name = format!(
            "WorkspaceResourceId=/subscriptions/0/resourcegroups/rg/providers/microsoft.operationalinsights/workspaces/ws\
             /y=2026/m=11/d=24/h=10/m={minute:02}/PT05M.json"
        );
        let blob = ExportBlob::parse(&format!("am-{table}"), &name).unwrap();
        Work { folder: blob.folder_time().unix_timestamp(), blob, offset: 0 }
    }

    #[test]
    fn a_table_with_many_old_blobs_leaves_room_for_the_others() {
        let stuck: Vec<_> = (0..50).map(|minute| work("stuck", minute)).collect();
        let fresh = vec![work("fresh", 55), work("fresh", 56)];
        let check = |most, expected: &[(&str, usize)]| {
            let chosen = fair_share(vec![stuck.clone(), fresh.clone(), Vec::new()], most);
            assert!(chosen.is_sorted(), "oldest first");
            let mut trimmed = vec![stuck.clone()];
            trim(&mut trimmed, most);
            trimmed.push(fresh.clone());
            trim(&mut trimmed, most);
            assert!(trimmed.iter().map(Vec::len).sum::<usize>() <= most + 2, "no more than is needed");
            assert_eq!(fair_share(trimmed, most), chosen, "and what is needed");
            for (table, count) in expected {
                assert_eq!(
                    chosen.iter().filter(|work| work.blob.table() == *table).count(),
                    *count,
                    "{table} of {most}"
                );
            }
        };
        check(1, &[("stuck", 1), ("fresh", 0)]);
        check(4, &[("stuck", 2), ("fresh", 2)]);
        check(10, &[("stuck", 8), ("fresh", 2)]);
        check(100, &[("stuck", 50), ("fresh", 2)]);
    }
}
