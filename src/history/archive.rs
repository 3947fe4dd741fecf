//! Rows as blobs in an account of one's own, in the containers and folders that data export uses, so that whoever reads exported blobs reads these too.

use std::borrow::Cow;

use bytes::Bytes;
use futures::TryStreamExt as _;
use serde::Deserialize;

use super::deliver::Folders;
use crate::azure::{Blobs, StorageError};
use crate::query::window::{DAY, SECOND, Ticks, Window};

/// Data export has a folder for each five minutes ("Log Analytics workspace data export", storage account).
const FOLDER: i64 = 300 * SECOND;

/// zstd's level: blobs are written once and kept for years.
const LEVEL: i32 = 8;

/// The account that history is written to.
#[derive(Clone)]
pub struct Archive {
    blobs: Blobs,
    resource_id: String,
}

impl Archive {
    /// An account, and the workspace's resource id, which its paths begin with.
    #[must_use]
    pub fn new(blobs: Blobs, resource_id: &str) -> Self {
        Self { blobs, resource_id: resource_id.to_owned() }
    }

    /// The account.
    #[must_use]
    pub fn blobs(&self) -> &Blobs {
        &self.blobs
    }

    /// `container/name` of the blob for the rows of a folder, of this piece of a slice. A piece that is written again has the same name.
    #[must_use]
    pub fn name(&self, table: &str, folder: Ticks, slice: Window, piece: u32, zstd: bool) -> String {
        let (time, end) = (folder.date_time(), if zstd { "json.zst" } else { "json" });
        format!(
            "{}/{}h={:02}/m={:02}/{}_{piece}.{end}",
            container(table),
            self.day(folder),
            time.hour(),
            time.minute(),
            stem(slice)
        )
    }

    fn day(&self, day: Ticks) -> String {
        let date = day.date_time().date();
        let (id, year, month) = (&self.resource_id, date.year(), u8::from(date.month()));
        format!("WorkspaceResourceId={id}/y={year:04}/m={month:02}/d={:02}/", date.day())
    }

    /// Writes a blob, over whatever stands there.
    ///
    /// # Errors
    /// Storage, after half a minute.
    pub async fn write(&self, name: String, lines: Bytes, zstd: bool) -> Result<(), StorageError> {
        let body = match zstd {
            false => lines,
            true => {
                let packed = tokio::task::spawn_blocking(move || zstd::encode_all(&*lines, LEVEL));
                packed.await.expect("compressing does not panic").expect("memory takes all that is written").into()
            }
        };
        let (container, name) = name.split_once('/').expect("a name begins with its container");
        self.blobs.put(container, name, body).await
    }

    /// Removes what an attempt before this one wrote of a slice: it may have cut it otherwise.
    ///
    /// # Errors
    /// Storage.
    pub async fn remove(&self, table: &str, slice: Window) -> Result<(), StorageError> {
        let container = container(table);
        let mut day = slice.from.floor(DAY);
        while day < slice.to {
            let names = self.blobs.list(&container, &self.day(day)).map_ok(|listed| listed.name);
            let names: Vec<String> = match names.try_collect().await {
                Err(error) if error.status() == Some(404) => return Ok(()),
                names => names?,
            };
            for name in names.iter().filter(|name| name.contains(&stem(slice))) {
                if let Some(seen) = self.blobs.properties(&container, name).await? {
                    self.blobs.delete(&container, name, &seen.version).await?;
                }
            }
            day = Ticks(day.0 + DAY);
        }
        Ok(())
    }
}

fn container(table: &str) -> String {
    format!("am-{}", table.to_lowercase().replace('_', "-"))
}

fn stem(slice: Window) -> String {
    format!("history_{}_{}", slice.from.compact(), slice.to.compact())
}

/// The lines by their folders; none where a row has no time.
pub(super) fn by_folder(lines: &[u8]) -> Option<Folders> {
    #[derive(Deserialize)]
    struct Row<'a> {
        #[serde(rename = "TimeGenerated", borrow)]
        time: Cow<'a, str>,
    }
    let mut folders = Folders::new();
    for line in lines.split_inclusive(|byte| *byte == b'\n') {
        let row: Row<'_> = serde_json::from_slice(line).ok()?;
        let (count, lines) = folders.entry(Ticks::parse(&row.time)?.floor(FOLDER)).or_default();
        *count += 1;
        lines.extend_from_slice(line);
    }
    Some(folders)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_go_to_the_folder_of_their_time() {
        let lines = b"{\"TimeGenerated\":\"2026-01-31T23:59:59.9999999Z\"}\n{\"TimeGenerated\":\"2026-02-01T00:00:00.0000000Z\"}\n{\"a\":1,\"TimeGenerated\":\"2026-01-31T23:55:00.0000000Z\"}\n";
        let folders = by_folder(lines).unwrap();
        let shown: Vec<_> =
            folders.iter().map(|(folder, (count, lines))| (folder.to_string(), *count, lines.len())).collect();
        assert_eq!(
            shown,
            [("2026-01-31T23:55:00.0000000Z".to_owned(), 2, 104), ("2026-02-01T00:00:00.0000000Z".to_owned(), 1, 49)]
        );
        assert!(by_folder(b"{\"a\":1}\n").is_none());
    }
}
