//! What the delivery needs to know.

use std::collections::BTreeMap;
use std::fmt;

use url::Url;

/// Text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides `text`.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the one place that sends it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// Which kind of token `AXIOM_TOKEN` is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenKind {
    /// `xaat-`: bound to an organisation, with rights of its own.
    Api,
    /// `xapt-`: a person's; needs the organisation.
    Personal {
        /// `AXIOM_ORG_ID`.
        org_id: String,
    },
}

/// Where rows go in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Door {
    /// An edge deployment (`AXIOM_EDGE`, `AXIOM_EDGE_URL`).
    Edge(Url),
    /// The API (`AXIOM_URL`).
    Central(Url),
}

/// How a table's dataset is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatasetRule {
    /// One dataset for all tables (`AXIOM_DATASET`).
    One(String),
    /// A dataset for each table.
    PerTable {
        /// Goes before the table's name (`AXIOM_DATASET_PREFIX`).
        prefix: String,
        /// Tables with a dataset of another name (`AXIOM_DATASET_MAP`); table names in any case.
        map: BTreeMap<String, String>,
    },
}

/// Settings of the delivery to Axiom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AxiomSettings {
    /// `AXIOM_TOKEN`.
    pub token: Secret,
    /// What kind of token it is.
    pub token_kind: TokenKind,
    /// `AXIOM_URL`: the API.
    pub url: Url,
    /// Where rows go in.
    pub ingest: Door,
    /// How datasets are named.
    pub datasets: DatasetRule,
    /// `AXIOM_CREATE_DATASETS`.
    pub create_datasets: bool,
    /// `AXIOM_PROVENANCE`.
    pub provenance: bool,
}
