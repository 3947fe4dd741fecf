//! What a job has done, as one text: each line of its account, as JSON lines and as CSV.

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use serde_json::Value;

use super::ledger::{Ledger, State};
use crate::azure::{Blobs, StorageError};
use crate::query::window::Window;

/// Columns of the CSV, in order; the same as the keys of the JSON.
const COLUMNS: [&str; 11] =
    ["table", "from", "to", "rows", "bytes", "set_aside", "dataset", "blob", "sha256", "begun", "ended"];

/// Accounts of slices that are read at a time.
const READS: usize = 16;

/// Largest file, in bytes; what does not fit goes on in the next one, so that memory does not grow with the range.
const LARGEST: usize = 32 << 20;

/// Writes the manifest of what is done of a job in a window: `manifests/{key}/{from}_{to}.jsonl` and `.csv` (with `-2`, `-3`... where one file does not
/// do). Gives their names.
///
/// # Errors
/// Storage.
pub async fn write(
    ledger: &Ledger,
    key: &str,
    window: Window,
    (blobs, container): (&Blobs, &str),
) -> Result<Vec<String>, StorageError> {
    let stem = format!("manifests/{key}/{}_{}", window.from.compact(), window.to.compact());
    let (mut names, mut json, mut csv) = (Vec::new(), Vec::new(), header());
    let done = ledger.records(key).try_filter(|record| {
        std::future::ready(record.state == State::Done && !record.slice.window.and(window).is_empty())
    });
    let accounts = done.map_ok(|record| ledger.account(key, record.slice.window)).try_buffered(READS);
    let mut accounts = std::pin::pin!(accounts);
    while let Some(account) = accounts.next().await {
        let account = account?;
        json.extend_from_slice(&account);
        account.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).for_each(|line| csv.extend(row(line)));
        if json.len() > LARGEST {
            let files = [std::mem::take(&mut json), std::mem::replace(&mut csv, header())];
            names.extend(put(blobs, container, &stem, names.len() / 2, files).await?);
        }
    }
    names.extend(put(blobs, container, &stem, names.len() / 2, [json, csv]).await?);
    Ok(names)
}

async fn put(
    blobs: &Blobs,
    container: &str,
    stem: &str,
    before: usize,
    files: [Vec<u8>; 2],
) -> Result<[String; 2], StorageError> {
    let number = if before == 0 { String::new() } else { format!("-{}", before + 1) };
    let names = ["jsonl", "csv"].map(|end| format!("{stem}{number}.{end}"));
    for (name, file) in names.iter().zip(files) {
        blobs.put(container, name, Bytes::from(file)).await?;
    }
    Ok(names.map(|name| format!("{container}/{name}")))
}

fn header() -> Vec<u8> {
    (COLUMNS.join(",") + "\r\n").into_bytes()
}

/// One line of JSON as one of CSV (RFC 4180).
fn row(line: &[u8]) -> Vec<u8> {
    let entry: Value = serde_json::from_slice(line).unwrap_or_default();
    let cell = |name: &&str| match &entry[*name] {
        Value::String(text) if text.contains([',', '"', '\n']) => format!("\"{}\"", text.replace('"', "\"\"")),
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    (COLUMNS.iter().map(cell).collect::<Vec<_>>().join(",") + "\r\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_has_the_same_in_the_same_order() {
        let line = br#"{"table":"T","rows":5,"from":"a","blob":"x,\"y\"","sha256":"0f"}"#;
        assert_eq!(String::from_utf8(row(line)).unwrap(), "T,a,,5,,,,\"x,\"\"y\"\"\",0f,,\r\n");
        assert_eq!(String::from_utf8(header()).unwrap().matches(',').count(), COLUMNS.len() - 1);
    }
}
