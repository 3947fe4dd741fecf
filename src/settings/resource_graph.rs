//! The settings of Azure Resource Graph, which snapshots are read from.

use url::Url;

use super::endpoint;
use super::reader::Reader;

/// How to ask Azure Resource Graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceGraphSettings {
    /// Azure Resource Manager's address.
    pub url: Url,
    /// The user-assigned identity to use; without it the system-assigned one.
    pub client_id: Option<String>,
}

/// `None` only where a problem was noted.
pub(super) fn read(reader: &mut Reader) -> Option<ResourceGraphSettings> {
    const URL: &str = "RESOURCE_GRAPH_URL";
    let (text, client_id) = (reader.text(URL), reader.text("RESOURCE_GRAPH_CLIENT_ID"));
    let url = endpoint::parse(&text?)
        .map_err(|wrong| reader.problem(URL, wrong, "give one such as https://management.azure.com"))
        .ok();
    Some(ResourceGraphSettings { url: url?, client_id })
}
