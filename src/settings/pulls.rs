//! The settings of pulls: which there are, where they are kept account of, and the hunting API.

use url::Url;

use super::endpoint;
use super::reader::Reader;

/// How tables are pulled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullSettings {
    /// Where the pulls are written down; without it there are none.
    pub pulls: Option<PullsFrom>,
    /// The container for what was reached, in the host's account.
    pub container: String,
    /// The dataset for a record of each run.
    pub audit_dataset: String,
    /// The hunting API.
    pub hunting: HuntingSettings,
    /// The user-assigned identity towards Azure Data Explorer; without it the system-assigned one.
    pub client_id: Option<String>,
}

/// Where the pulls are written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PullsFrom {
    /// A file, from the working directory on.
    File(String),
    /// The setting itself.
    Text(String),
}

/// How to ask advanced hunting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HuntingSettings {
    /// Which of the two.
    pub api: HuntingApi,
    /// Its address.
    pub url: Url,
    /// Calls in a minute.
    pub calls_per_minute: usize,
    /// The user-assigned identity to use; without it the system-assigned one.
    pub client_id: Option<String>,
}

/// The two doors to the same tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HuntingApi {
    /// Microsoft Graph.
    Graph,
    /// The older API of Defender XDR, which is being retired since January 2026.
    Xdr,
}

/// `None` only where a problem was noted.
pub(super) fn read(reader: &mut Reader) -> Option<PullSettings> {
    let pulls = match (reader.text("PULLS_FILE"), reader.text("PULLS")) {
        (Some(_), Some(_)) => {
            reader.problem("PULLS", "is set beside PULLS_FILE", "set one of the two");
            return None;
        }
        (Some(file), None) => Some(PullsFrom::File(file)),
        (None, text) => text.map(PullsFrom::Text),
    };
    let container = reader.storage_name("PULLS_CONTAINER");
    let audit_dataset = reader.text("PULLS_AUDIT_DATASET")?;
    let client_id = reader.text("PULLS_CLIENT_ID");
    let hunting = read_hunting(reader, client_id.clone());
    Some(PullSettings { pulls, container, audit_dataset, hunting: hunting?, client_id })
}

fn read_hunting(reader: &mut Reader, client_id: Option<String>) -> Option<HuntingSettings> {
    const URL: &str = "HUNTING_URL";
    let api = reader.choice("HUNTING_API", &[("graph", HuntingApi::Graph), ("xdr", HuntingApi::Xdr)]);
    let calls_per_minute = reader.count("HUNTING_CALLS", 1..=1000);
    let text = reader.text(URL);
    let usual = match api? {
        HuntingApi::Graph => "https://graph.microsoft.com",
        HuntingApi::Xdr => "https://api.security.microsoft.com",
    };
    let text = text.unwrap_or_else(|| usual.to_owned());
    let url =
        endpoint::parse(&text).map_err(|wrong| reader.problem(URL, wrong, format!("give one such as {usual}"))).ok();
    Some(HuntingSettings { api: api?, url: url?, calls_per_minute: calls_per_minute?, client_id })
}
