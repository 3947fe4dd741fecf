//! Tokens and what they may do: `xaat-` API tokens, and `xapt-` personal tokens, which name their organisation and work on the central API only.

use std::collections::{BTreeSet, HashMap};

use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;

use super::fault::Refusal;

/// What a token may do. Every valid token may list datasets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rights {
    /// Datasets it may ingest into; `None` means all.
    pub ingest: Option<BTreeSet<String>>,
    /// Whether it may query.
    pub query: bool,
    /// Whether it may create, change and delete datasets.
    pub manage: bool,
    /// Whether it may read and write dashboards.
    pub dashboards: bool,
    /// Whether it may read and write monitors.
    pub monitors: bool,
    /// Whether it may read and write notifiers.
    pub notifiers: bool,
    /// Makes it a personal token of this organisation, which each request must name in `X-Axiom-Org-Id`.
    pub org: Option<String>,
}

impl Rights {
    /// An API token that may do everything.
    pub fn all() -> Self {
        let (query, manage) = (true, true);
        Self { ingest: None, query, manage, dashboards: true, monitors: true, notifiers: true, org: None }
    }

    /// An API token that may only ingest, and only into these datasets.
    pub fn ingest_only<'a>(datasets: impl IntoIterator<Item = &'a str>) -> Self {
        let ingest = Some(datasets.into_iter().map(str::to_owned).collect());
        let (query, manage) = (false, false);
        Self { ingest, query, manage, dashboards: false, monitors: false, notifiers: false, org: None }
    }

    /// A personal token that may do everything in its organisation.
    pub fn personal(org: impl Into<String>) -> Self {
        Self { org: Some(org.into()), ..Self::all() }
    }

    pub(crate) fn may_ingest(&self, dataset: &str) -> Result<(), Refusal> {
        let allowed = self.ingest.as_ref().is_none_or(|only| only.contains(dataset));
        permit(allowed, || format!("token may not ingest into {dataset}"))
    }

    pub(crate) fn may_query(&self) -> Result<(), Refusal> {
        permit(self.query, || "token may not query".to_owned())
    }

    pub(crate) fn may_manage(&self) -> Result<(), Refusal> {
        permit(self.manage, || "token may not manage datasets".to_owned())
    }

    pub(crate) fn may_use_dashboards(&self) -> Result<(), Refusal> {
        permit(self.dashboards, || "token may not use dashboards".to_owned())
    }

    pub(crate) fn may_use_monitors(&self) -> Result<(), Refusal> {
        permit(self.monitors, || "token may not use monitors".to_owned())
    }

    pub(crate) fn may_use_notifiers(&self) -> Result<(), Refusal> {
        permit(self.notifiers, || "token may not use notifiers".to_owned())
    }
}

fn permit(allowed: bool, message: impl FnOnce() -> String) -> Result<(), Refusal> {
    if allowed { Ok(()) } else { Err(Refusal::new(403, message())) }
}

/// All tokens of one stand-in.
#[derive(Default)]
pub(crate) struct Tokens(HashMap<String, Rights>);

impl Tokens {
    /// Makes a token, fresh for each call.
    pub(crate) fn add(&mut self, rights: Rights) -> String {
        let prefix = if rights.org.is_some() { "xapt" } else { "xaat" };
        let digits = format!("{:032x}", fastrand::u128(..));
        let (a, b, c, d, e) = (&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]);
        let token = format!("{prefix}-{a}-{b}-{c}-{d}-{e}");
        self.0.insert(token.clone(), rights);
        token
    }

    /// The rights of a request's token. `unknown` is the status for a token that is missing or not known.
    pub(crate) fn rights(&self, headers: &HeaderMap, edge: bool, unknown: u16) -> Result<Rights, Refusal> {
        let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let known = header.strip_prefix("Bearer ").and_then(|token| self.0.get(token));
        let rights = known.ok_or_else(|| Refusal::new(unknown, "invalid token"))?;
        let named = headers.get("x-axiom-org-id").and_then(|value| value.to_str().ok());
        match &rights.org {
            Some(_) if edge => Err(Refusal::new(403, "personal tokens are not accepted here")),
            Some(org) if named != Some(org) => Err(Refusal::new(403, "organisation is not the token's")),
            _ => Ok(rights.clone()),
        }
    }
}
