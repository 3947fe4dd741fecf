//! Where the demo's rows go: the stand-in for Axiom, or the real Axiom when `AXIOM_TOKEN` is set.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use reqwest::Client;
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use crate::axiom::{self, Axiom, Inspect};
use crate::content::Content;

/// Settings that the handler gets from the caller's environment when the real Axiom is used.
const PASSED_ON: [&str; 5] = ["AXIOM_TOKEN", "AXIOM_ORG_ID", "AXIOM_URL", "AXIOM_EDGE", "AXIOM_EDGE_URL"];
/// Keeps the demo's datasets apart from real ones.
const PREFIX: &str = "sentinel-axiom-demo-";

/// What has arrived of one table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Arrived {
    pub(super) rows: u64,
    /// Rows that arrived more than once, where that is known.
    pub(super) repeated: u64,
    /// The fingerprint of what arrived at least once, and the bytes before and after compression: known to the stand-in only.
    pub(super) distinct: Option<Content>,
    pub(super) bytes: u64,
    pub(super) wire_bytes: u64,
}

pub(super) enum Sink {
    StandIn(Box<Axiom>),
    Real(Box<Real>),
}

/// The real Axiom, asked by query.
pub(super) struct Real {
    http: Client,
    settings: Vec<(String, String)>,
    /// Rows that were there before, by table.
    before: BTreeMap<String, u64>,
}

impl Sink {
    /// The real Axiom if `environment` has a token for it, else a stand-in.
    pub(super) async fn start(
        environment: impl Iterator<Item = (String, String)>,
        tables: &[String],
    ) -> anyhow::Result<Self> {
        let settings: Vec<_> = environment.filter(|(name, _)| PASSED_ON.contains(&name.as_str())).collect();
        if !settings.iter().any(|(name, _)| name == "AXIOM_TOKEN") {
            let options = axiom::Options { inspect: Inspect::Rows, ..axiom::Options::default() };
            return Ok(Sink::StandIn(Box::new(Axiom::start(options).await?)));
        }
        let http = Client::builder().timeout(std::time::Duration::from_secs(30)).build()?;
        let mut real = Real { http, settings, before: BTreeMap::new() };
        for table in tables {
            let rows = real.rows(table).await?;
            real.before.insert(table.clone(), rows);
        }
        Ok(Sink::Real(Box::new(real)))
    }

    pub(super) fn is_real(&self) -> bool {
        matches!(self, Sink::Real(_))
    }

    /// The handler's settings for this sink.
    pub(super) fn settings(&self) -> Vec<(String, String)> {
        match self {
            Sink::StandIn(axiom) => axiom.settings().into(),
            Sink::Real(real) => {
                let prefix = ("AXIOM_DATASET_PREFIX".to_owned(), PREFIX.to_owned());
                real.settings.iter().cloned().chain([prefix]).collect()
            }
        }
    }

    /// The table that a dataset of the demo belongs to.
    pub(super) fn table_of(dataset: &str) -> &str {
        dataset.strip_prefix(PREFIX).unwrap_or(dataset)
    }

    /// Rows of a table that have arrived by now, where that costs nothing to ask.
    pub(super) fn rows_now(&self, table: &str) -> Option<u64> {
        match self {
            Sink::StandIn(axiom) => Some(axiom.totals(table).content.rows),
            Sink::Real(_) => None,
        }
    }

    pub(super) async fn arrived(&self, table: &str) -> anyhow::Result<Arrived> {
        match self {
            Sink::StandIn(axiom) => {
                let totals = axiom.totals(table);
                Ok(Arrived {
                    rows: totals.content.rows,
                    repeated: totals.duplicated,
                    distinct: Some(totals.distinct),
                    bytes: totals.bytes,
                    wire_bytes: totals.wire_bytes,
                })
            }
            Sink::Real(real) => {
                let before = real.before.get(table).copied().unwrap_or(0);
                Ok(Arrived { rows: real.rows(table).await?.saturating_sub(before), ..Arrived::default() })
            }
        }
    }
}

impl Real {
    fn setting(&self, wanted: &str) -> Option<&str> {
        self.settings.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str())
    }

    /// Rows of a table's dataset in the last days; none when there is no such dataset. Source: Axiom, "Run query" of the REST API.
    async fn rows(&self, table: &str) -> anyhow::Result<u64> {
        let url = self.setting("AXIOM_URL").unwrap_or("https://api.axiom.co").trim_end_matches('/');
        let now = OffsetDateTime::now_utc();
        let body = json!({
            "apl": format!("['{PREFIX}{table}'] | summarize n = count()"),
            "startTime": (now - Duration::days(7)).format(&Rfc3339)?,
            "endTime": (now + Duration::days(1)).format(&Rfc3339)?,
        });
        let token = self.setting("AXIOM_TOKEN").context("AXIOM_TOKEN is set")?;
        let mut request =
            self.http.post(format!("{url}/v1/datasets/_apl?format=tabular")).bearer_auth(token).json(&body);
        if let Some(organisation) = self.setting("AXIOM_ORG_ID") {
            request = request.header("x-axiom-org-id", organisation);
        }
        let response = request.send().await.context("ask Axiom for its rows")?;
        match response.status().as_u16() {
            404 => Ok(0),
            200 => {
                let answer: Value = response.json().await.context("read Axiom's answer to a query")?;
                Ok(answer["tables"][0]["columns"][0][0].as_u64().unwrap_or(0))
            }
            status => bail!(
                "ask Axiom for the rows of {PREFIX}{table}: it answers {status} (the token needs the query right)"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The stand-in answers queries as Axiom does, so the real path can be tried on it.
    #[tokio::test]
    async fn the_real_axiom_is_asked_for_what_came_since_the_start() -> anyhow::Result<()> {
        crate::install_tls();
        let axiom = Axiom::start(axiom::Options::default()).await?;
        let ingest = async |rows: &'static str| {
            let http = Client::new().post(format!("{}/v1/datasets/{PREFIX}Syslog/ingest", axiom.url()));
            let answer =
                http.bearer_auth(axiom.token()).header("content-type", "application/x-ndjson").body(rows).send();
            anyhow::Ok(answer.await?.status().as_u16())
        };
        let create = Client::new().post(format!("{}/v2/datasets", axiom.url())).bearer_auth(axiom.token());
        let name = format!("{PREFIX}Syslog");
        create.json(&json!({"name": name, "description": ""})).send().await?.error_for_status()?;
        assert_eq!(ingest("{\"a\":1}\n").await?, 200);
        let environment = [("AXIOM_TOKEN", axiom.token()), ("AXIOM_URL", &axiom.url()), ("HOME", "/")];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let tables = ["Syslog".to_owned(), "Missing".to_owned()];
        let sink = Sink::start(environment.into_iter(), &tables).await?;
        assert!(sink.is_real());
        assert!(sink.settings().iter().all(|(name, _)| name != "HOME"));
        assert_eq!(ingest("{\"a\":2}\n{\"a\":3}\n").await?, 200);
        assert_eq!(sink.arrived("Syslog").await?.rows, 2);
        assert_eq!(sink.arrived("Missing").await?.rows, 0);
        Ok(())
    }
}
