//! The settings of history: the workspace that is asked, and where its rows may go besides Axiom.

use url::Url;

use super::endpoint;
use super::problem::quote;
use super::reader::Reader;
use super::storage::{self, Storage};

/// How to ask a Log Analytics workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogAnalyticsSettings {
    /// The workspace's id, a GUID.
    pub workspace: String,
    /// The query API.
    pub url: Url,
    /// The user-assigned identity to use; without it the system-assigned one.
    pub client_id: Option<String>,
    /// The workspace's resource id, for the paths of [`HistorySettings::storage`].
    pub resource_id: Option<String>,
}

/// Where history is kept account of, and where it may go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistorySettings {
    /// The container for what is done and what is not, in the host's account.
    pub container: String,
    /// The queue of slices, in the host's account.
    pub queue: String,
    /// The account that `--to storage` writes to.
    pub storage: Option<Storage>,
}

const WORKSPACE: &str = "LOG_ANALYTICS_WORKSPACE";

/// `Some(None)` where no workspace is set; `None` only where a problem was noted.
pub(super) fn read(reader: &mut Reader) -> Option<Option<LogAnalyticsSettings>> {
    let url = read_url(reader);
    let (client_id, resource_id) = (reader.text("LOG_ANALYTICS_CLIENT_ID"), read_resource_id(reader));
    let Some(workspace) = reader.text(WORKSPACE) else { return Some(None) };
    if !is_guid(&workspace) {
        let remedy = "give the workspace's id as its overview page shows it (a GUID), not its name";
        reader.problem(WORKSPACE, format!("is {}", quote(&workspace)), remedy);
        return None;
    }
    Some(Some(LogAnalyticsSettings { workspace, url: url?, client_id, resource_id: resource_id? }))
}

/// `None` only where a problem was noted.
pub(super) fn read_history(reader: &mut Reader, export: Option<&Storage>) -> Option<HistorySettings> {
    const CONTAINER: &str = "HISTORY_CONTAINER";
    let (container, queue) = (reader.storage_name(CONTAINER), reader.storage_name("HISTORY_QUEUE"));
    if reader.text("WORK_QUEUE").as_deref() == Some(&queue) {
        let remedy = "give it a queue of its own: slices of history are no events";
        reader.problem("HISTORY_QUEUE", "is the queue of WORK_QUEUE", remedy);
    }
    let storage = match storage::is_given(reader, "HISTORY_STORAGE") {
        true => Some(storage::read(reader, "HISTORY_STORAGE", false)?),
        false => None,
    };
    if storage.as_ref().is_some_and(|storage| export.is_some_and(|export| export.blob() == storage.blob())) {
        let remedy =
            "name another account: the sweep would take its blobs for exported ones, ship them and delete them";
        reader.problem("HISTORY_STORAGE", "is the account of EXPORT_STORAGE", remedy);
    }
    Some(HistorySettings { container, queue, storage })
}

fn read_url(reader: &mut Reader) -> Option<Url> {
    const NAME: &str = "LOG_ANALYTICS_URL";
    let text = reader.text(NAME)?;
    endpoint::parse(&text)
        .map_err(|wrong| reader.problem(NAME, wrong, "give one such as https://api.loganalytics.azure.com"))
        .ok()
}

fn read_resource_id(reader: &mut Reader) -> Option<Option<String>> {
    const NAME: &str = "LOG_ANALYTICS_RESOURCE_ID";
    let Some(text) = reader.text(NAME) else { return Some(None) };
    let id = text.to_ascii_lowercase();
    let parts: Vec<_> = id.split('/').collect();
    let wanted = [
        "",
        "subscriptions",
        "*",
        "resourcegroups",
        "*",
        "providers",
        "microsoft.operationalinsights",
        "workspaces",
        "*",
    ];
    let fits = parts.len() == wanted.len()
        && parts
            .iter()
            .zip(wanted)
            .all(|(part, wanted)| if wanted == "*" { !part.is_empty() } else { *part == wanted });
    if !fits {
        let remedy =
            "give /subscriptions/<id>/resourceGroups/<group>/providers/Microsoft.OperationalInsights/workspaces/<name>";
        reader.problem(NAME, format!("is {}", quote(&text)), remedy);
        return None;
    }
    Some(Some(id))
}

/// Whether a text has the form of a GUID, with hyphens and without braces.
pub(crate) fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guids() {
        assert!(is_guid("b9a4f1f0-1111-2222-3333-abcdefABCDEF"));
        for text in ["", "my-workspace", "b9a4f1f0-1111-2222-3333-abcdefABCDE", "b9a4f1f0x1111-2222-3333-abcdefABCDEF"]
        {
            assert!(!is_guid(text), "{text}");
        }
    }
}
