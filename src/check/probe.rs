//! What we may do in an account, tried on a blob of our own in a container of our own, which goes afterwards.

use bytes::Bytes;

use super::account::Account;
use super::finding::Finding;
use super::trouble::{Trouble, soon};
use crate::azure::Deleted;

/// How names of these containers begin. Each is new: a name that was just deleted cannot be had again at once ("Delete Container").
pub(super) const PREFIX: &str = "sentinel-axiom-check-";

const BLOB: &str = "probe";

/// What trying showed.
pub(super) struct Probed {
    /// What we may do, and may not.
    pub(super) findings: Vec<Finding>,
    /// Whether the account keeps versions of blobs.
    pub(super) versions: bool,
    /// How the blob was deleted.
    pub(super) deleted: Deleted,
}

/// Creates, writes, reads, marks and deletes.
pub(super) async fn probe(account: &Account<'_>) -> Probed {
    let mut probed = Probed { findings: Vec::new(), versions: false, deleted: Deleted::Unsaid };
    let container = format!("{PREFIX}{:016x}", fastrand::u64(..));
    if let Err(trouble) = soon(account.blobs.create_container(&container)).await {
        probed.findings.push(account.failed("a container cannot be created", &trouble));
        return probed;
    }
    match soon(account.blobs.write_once(&container, BLOB, Bytes::from_static(b"{}\n"))).await {
        Ok(versions) => {
            probed.versions = versions;
            probed.findings.extend(use_blob(account, &container, &mut probed.deleted).await);
        }
        Err(trouble) => probed.findings.push(account.failed("a blob cannot be written", &trouble)),
    }
    if probed.findings.is_empty() {
        let said = "a blob of our own could be written, read, marked and deleted";
        probed.findings.push(Finding::ok(account.area, said));
    }
    if let Err(trouble) = soon(account.blobs.delete_container(&container)).await {
        let said = format!("the container {container} of this check stays: {}", trouble.said());
        probed.findings.push(Finding::warning(account.area, said, "delete it by hand"));
    }
    probed
}

/// Tries what is done to an exported blob; gives what fails, each by itself, since each is a right of its own.
async fn use_blob(account: &Account<'_>, container: &str, deleted: &mut Deleted) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut note = |doing: &str, trouble: &Trouble| findings.push(account.failed(doing, trouble));
    let read = async {
        let properties = account.blobs.properties(container, BLOB).await?;
        account.blobs.get(container, BLOB).await.map(|_| properties)
    };
    match soon(read).await {
        Ok(properties) => {
            let marks = [("axiom_shipped".to_owned(), "0".to_owned())].into();
            if let Some(properties) = properties
                && let Err(trouble) =
                    soon(account.blobs.set_metadata(container, BLOB, &marks, &properties.version)).await
            {
                note("metadata cannot be set", &trouble);
            }
        }
        Err(trouble) => note("a blob cannot be read", &trouble),
    }
    match soon(account.blobs.delete_once(container, BLOB)).await {
        Ok(how) => *deleted = how,
        Err(trouble) => note("a blob cannot be deleted", &trouble),
    }
    findings
}
