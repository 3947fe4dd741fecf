//! The settings of the Axiom side: who we are, where rows go in, and which dataset takes them.

use super::endpoint;
use super::problem::quote;
use super::reader::Reader;
use super::tables::is_table;
use crate::secret::Secret;
use std::collections::BTreeMap;
use url::Url;

/// Everything about Axiom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AxiomSettings {
    /// The token that every request carries.
    pub token: Secret,
    /// What kind of token it is.
    pub token_kind: TokenKind,
    /// Axiom's API, for everything but ingest through an edge.
    pub url: Url,
    /// Where rows go in.
    pub ingest: Door,
    /// Which dataset takes which table.
    pub datasets: DatasetRule,
    /// Whether a missing dataset is created.
    pub create_datasets: bool,
    /// Whether the columns `source_blob` and `source_offset` are added.
    pub provenance: bool,
}

/// The two kinds of token ("Tokens" in Axiom's documentation).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// `xaat-`: bound to one organisation.
    Api,
    /// `xapt-`: bound to a person, hence sent with the organisation.
    Personal {
        /// Value of the header `X-Axiom-Org-Id`.
        org_id: String,
    },
}

/// The two doors for rows ("Edge deployments" in Axiom's documentation).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Door {
    /// An edge deployment: `POST {url}/v1/ingest/{dataset}`; a URL with a path of its own is meant to be used as it is.
    Edge(Url),
    /// The central API: `POST {url}/v1/datasets/{dataset}/ingest`.
    Central(Url),
}

/// How a table's dataset is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatasetRule {
    /// All tables share this dataset.
    One(String),
    /// Each table has a dataset of its own.
    PerTable {
        /// Put before the table's name.
        prefix: String,
        /// Tables (in lower case) with a dataset of another name, used as written.
        map: BTreeMap<String, String>,
    },
}

/// Reads all of it. `None` only where a problem was noted.
pub(super) fn read(reader: &mut Reader) -> Option<AxiomSettings> {
    let url = read_url(reader, "AXIOM_URL");
    let edge = read_edge(reader);
    let edge_is_set = edge.is_some();
    let token = read_token(reader, edge_is_set);
    let datasets = read_datasets(reader);
    let create_datasets = reader.flag("AXIOM_CREATE_DATASETS");
    let provenance = reader.flag("AXIOM_PROVENANCE");

    let url = url?;
    let (token, token_kind) = token?;
    let ingest = match edge {
        Some(edge) => Door::Edge(edge?),
        None => Door::Central(url.clone()),
    };
    Some(AxiomSettings { token, token_kind, url, ingest, datasets, create_datasets, provenance })
}

fn read_token(reader: &mut Reader, edge_is_set: bool) -> Option<(Secret, TokenKind)> {
    let org_id = reader.text("AXIOM_ORG_ID");
    let token = reader.text("AXIOM_TOKEN")?;
    if !token.bytes().all(|b| b.is_ascii_graphic()) {
        reader.problem("AXIOM_TOKEN", "holds blanks or other characters that no token has", "copy the token once more");
        return None;
    }
    if token.starts_with("xaat-") {
        return Some((Secret::new(token), TokenKind::Api));
    }
    if !token.starts_with("xapt-") {
        let remedy = "create an API token in Axiom (Settings, API tokens) and paste all of it";
        reader.problem("AXIOM_TOKEN", "begins neither with xaat- nor with xapt-", remedy);
        return None;
    }
    if edge_is_set {
        let remedy = "use an API token (xaat-), or remove AXIOM_EDGE and AXIOM_EDGE_URL";
        reader.problem("AXIOM_TOKEN", "is a personal token, which edge deployments do not accept", remedy);
    }
    let Some(org_id) = org_id else {
        let remedy = "set it to the organisation's id, or use an API token (xaat-)";
        reader.problem("AXIOM_ORG_ID", "is missing, but AXIOM_TOKEN is a personal token", remedy);
        return None;
    };
    if !org_id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
        let remedy = "copy the id from Axiom's address, such as my-org-1a2b";
        reader.problem("AXIOM_ORG_ID", format!("is {}, not an organisation's id", quote(&org_id)), remedy);
    }
    Some((Secret::new(token), TokenKind::Personal { org_id }))
}

fn read_url(reader: &mut Reader, name: &str) -> Option<Url> {
    let text = reader.text(name)?;
    match endpoint::parse(&text) {
        Ok(url) => Some(url),
        Err(wrong) => {
            reader.problem(name, wrong, "give an address such as https://api.axiom.co");
            None
        }
    }
}

/// The edge, if one is set; inside it `None` where a problem was noted.
fn read_edge(reader: &mut Reader) -> Option<Option<Url>> {
    let domain = reader.text("AXIOM_EDGE");
    if reader.text("AXIOM_EDGE_URL").is_some() {
        return Some(read_url(reader, "AXIOM_EDGE_URL"));
    }
    let domain = domain?;
    let is_domain = domain.contains('.') && domain.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
    // A dataset shows its deployment as `cloud.eu-central-1.aws`, so that is what people copy.
    let host = match domain.strip_prefix("cloud.") {
        Some(deployment) => format!("{deployment}.edge.axiom.co"),
        None => domain.clone(),
    };
    let url = Url::parse(&format!("https://{host}")).ok().filter(|_| is_domain);
    if url.is_none() {
        let remedy = "give a domain such as eu-central-1.aws.edge.axiom.co, or set AXIOM_EDGE_URL to a whole URL";
        reader.problem("AXIOM_EDGE", format!("is {}, not a domain", quote(&domain)), remedy);
    }
    Some(url)
}

fn read_datasets(reader: &mut Reader) -> DatasetRule {
    let one = reader.text("AXIOM_DATASET");
    let prefix = reader.text("AXIOM_DATASET_PREFIX").unwrap_or_default();
    let map = read_map(reader);
    check_dataset(reader, "AXIOM_DATASET_PREFIX", &format!("{prefix}Table"), &prefix);
    let Some(one) = one else { return DatasetRule::PerTable { prefix, map } };
    check_dataset(reader, "AXIOM_DATASET", &one, &one);
    if !prefix.is_empty() || !map.is_empty() {
        let remedy = "remove it, or remove AXIOM_DATASET_PREFIX and AXIOM_DATASET_MAP";
        reader.problem("AXIOM_DATASET", "names one dataset for all, but there are names for single tables too", remedy);
    }
    DatasetRule::One(one)
}

fn read_map(reader: &mut Reader) -> BTreeMap<String, String> {
    const NAME: &str = "AXIOM_DATASET_MAP";
    let mut map = BTreeMap::new();
    for entry in reader.list(NAME) {
        let (table, dataset) =
            entry.split_once('=').map_or(("", ""), |(table, dataset)| (table.trim(), dataset.trim()));
        if !is_table(table) {
            reader.problem(NAME, format!("has the entry {}", quote(&entry)), "write Table=dataset,Table=dataset");
            continue;
        }
        check_dataset(reader, NAME, dataset, dataset);
        if map.insert(table.to_ascii_lowercase(), dataset.to_owned()).is_some() {
            reader.problem(NAME, format!("names {} twice", quote(table)), "keep one of the two");
        }
    }
    map
}

/// Whether this can be a dataset's name. Axiom's official clients allow these; its documentation allows fewer, so what it refuses in the end is left to
/// its answer.
#[must_use]
pub fn is_dataset(name: &str) -> bool {
    let letters = name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    (1..=128).contains(&name.len()) && letters && !name.starts_with("axiom-")
}

fn check_dataset(reader: &mut Reader, setting: &str, name: &str, shown: &str) {
    if !is_dataset(name) {
        let remedy = "use 1 to 128 letters, digits, dots, hyphens and underscores, not beginning with axiom-";
        reader.problem(setting, format!("gives {}, a name that Axiom does not allow", quote(shown)), remedy);
    }
}
