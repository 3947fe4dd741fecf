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
    /// Names that are not those of data export, the first few.
    pub strange: Vec<String>,
    /// Containers that could not be listed.
    pub failed: Vec<StorageError>,
}

/// Names reported of those that do not belong to data export.
const STRANGE: usize = 20;

/// Lists all `am-*` containers and keeps the `most` oldest blobs that have work. Memory depends on `most` alone.
///
/// # Errors
/// The containers cannot be listed. A container that fails is reported in [`Found`] and does not keep the others waiting.
pub async fn sweep(blobs: &Blobs, tables: &TableFilter, policy: Policy, most: usize) -> Result<Found, StorageError> {
    let found = std::sync::Mutex::new((Found::default(), BinaryHeap::new()));
    let lock = || found.lock().expect("nothing panics while it is held");
    blobs
        .containers("am-")
        .try_for_each_concurrent(AT_ONCE, |container| {
            let lock = &lock;
            async move {
                if !container.strip_prefix("am-").is_some_and(|table| tables.wants(table)) {
                    return Ok(());
                }
                let mut listing = std::pin::pin!(blobs.list(&container, ""));
                while let Some(listed) = listing.next().await {
                    let mut guard = lock();
                    let (found, oldest) = &mut *guard;
                    match listed {
                        Ok(listed) => consider(&container, &listed, policy, most, found, oldest),
                        Err(error) => {
                            found.failed.push(error);
                            break;
                        }
                    }
                }
                Ok(())
            }
        })
        .await?;
    let (mut found, oldest) = found.into_inner().expect("nothing panics while it is held");
    found.work = oldest.into_sorted_vec();
    Ok(found)
}

fn consider(
    container: &str,
    listed: &Listed,
    policy: Policy,
    most: usize,
    found: &mut Found,
    oldest: &mut BinaryHeap<Work>,
) {
    found.blobs += 1;
    let Ok(blob) = ExportBlob::parse(container, &listed.name) else {
        if found.strange.len() < STRANGE {
            found.strange.push(format!("{container}/{}", listed.name));
        }
        return;
    };
    let view = View {
        length: listed.length,
        modified: listed.modified.unix_timestamp(),
        now: OffsetDateTime::now_utc().unix_timestamp(),
        append: listed.append,
        marks: Marks::read(&listed.metadata),
    };
    let offset = match plan::plan(&view, policy) {
        Plan::Leave(_) => return,
        Plan::Ship { from, .. } => from,
        Plan::Delete => listed.length,
    };
    found.waiting += 1;
    found.waiting_bytes += listed.length - offset;
    oldest.push(Work { folder: blob.folder_time().unix_timestamp(), blob, offset });
    if oldest.len() > most {
        oldest.pop(); // The youngest of them.
    }
}
