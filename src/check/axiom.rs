//! Axiom: the token, the API, the door that rows go in by; and, where it is asked for, a row sent all the way.

use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::time::Instant;

use super::datasets::{Dataset, Known};
use super::finding::Finding;
use super::trouble::SOON;
use crate::axiom::look::LookError;
use crate::axiom::{Axiom, Destination};
use crate::batch::{BatchLimits, Batcher};
use crate::lines::Lines;
use crate::report::chain;
use crate::settings::{AxiomSettings, Door, TokenKind};

pub(super) const AREA: &str = "axiom";

/// Where the row of `--write` goes.
pub const SCRATCH: &str = "sentinel-axiom-check";

/// Asks Axiom for what it shows; what it shows of datasets is judged where the exported tables are known.
pub(super) async fn axiom(axiom: &Axiom, settings: &AxiomSettings) -> (Vec<Finding>, Option<Known>) {
    let mut findings = vec![match &settings.token_kind {
        TokenKind::Api => Finding::ok(AREA, "AXIOM_TOKEN is an API token"),
        TokenKind::Personal { org_id } => Finding::warning(
            AREA,
            format!("AXIOM_TOKEN is a personal token of organisation {org_id}"),
            "use an API token: this one ends with the person's membership, and no edge deployment takes it",
        ),
    }];
    let datasets = async { soon(axiom.look(&["v2", "datasets"])).await };
    let organisations = async { soon(axiom.look(&["v2", "orgs"])).await };
    let (datasets, organisations, edge) = tokio::join!(datasets, organisations, edge(axiom, settings));
    let datasets: Option<Vec<Dataset>> = match datasets {
        Ok(list) => serde_json::from_value(list).ok(),
        Err(trouble) => {
            findings.push(refused(&trouble, settings));
            findings.extend(edge);
            return (findings, None);
        }
    };
    let Some(datasets) = datasets else {
        let said = format!("what answers at {} is not Axiom", settings.url);
        findings.push(Finding::failed(AREA, said, "set AXIOM_URL to the address of Axiom's API"));
        return (findings, None);
    };
    findings.push(Finding::ok(AREA, format!("{} answers, and knows the token", settings.url)));
    findings.extend(edge);
    let license = organisations.ok().and_then(|list| license(&list, settings));
    let limit = |name: &str| license.as_ref().and_then(|license| license.get(name)).and_then(Value::as_u64);
    (findings, Some(Known { most_datasets: limit("maxDatasets"), most_fields: limit("maxFields"), datasets }))
}

/// The limits of the token's organisation (`license` of "List organizations"): a personal token may belong to several.
fn license(list: &Value, settings: &AxiomSettings) -> Option<Value> {
    let mut organisations = list.as_array()?.iter();
    let ours = match &settings.token_kind {
        TokenKind::Api => organisations.next(),
        TokenKind::Personal { org_id } => organisations.find(|organisation| organisation["id"] == **org_id),
    };
    Some(ours?.get("license")?.clone())
}

/// Whether the edge is one. Without one rows go by the API, which answered before.
async fn edge(axiom: &Axiom, settings: &AxiomSettings) -> Option<Finding> {
    let Door::Edge(url) = &settings.ingest else { return None };
    let advice =
        "set AXIOM_EDGE to the edge deployment that the datasets show in Axiom, such as eu-central-1.aws.edge.axiom.co";
    Some(match soon(axiom.knock()).await {
        Ok(status @ (404 | 405)) => {
            Finding::failed(AREA, format!("{url} is no edge deployment: it answers {status}"), advice)
        }
        Ok(401) => Finding::failed(AREA, format!("the edge {url} does not know the token: 401"), advice),
        Ok(status @ 300..=399) => Finding::failed(AREA, format!("{url} redirects: {status}"), advice),
        Ok(status @ 500..) => {
            Finding::warning(AREA, format!("the edge {url} is in trouble: {status}"), "try again later")
        }
        // 403 is what a token for ingest alone gets for a question.
        Ok(_) => Finding::ok(AREA, format!("the edge {url} answers")),
        Err(trouble) => Finding::failed(AREA, format!("the edge {url}: {}", trouble.said()), advice),
    })
}

fn refused(trouble: &Trouble, settings: &AxiomSettings) -> Finding {
    let advice = match (trouble.status(), &settings.token_kind) {
        (Some(401), _) => {
            "set AXIOM_TOKEN to a token that Axiom shows under Settings, API tokens: this one is wrong, expired or deleted"
        }
        (Some(403), TokenKind::Personal { .. }) => "set AXIOM_ORG_ID to the organisation of the token",
        (Some(429 | 430), _) => "wait: a limit of the organisation is reached",
        (Some(500..), _) => "try again later, and look at Axiom's status page",
        (Some(_), _) => "set AXIOM_URL to the address of Axiom's API",
        (None, _) => {
            "see that the network lets us out to AXIOM_URL (docs/networking.md), and that the address is right"
        }
    };
    Finding::failed(AREA, format!("{}: {}", settings.url, trouble.said()), advice)
}

/// Sends one row to the scratch dataset, which is made where it is missing and the settings allow.
pub(super) async fn write(axiom: &Axiom) -> Finding {
    let now = OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default();
    let row = serde_json::json!({ "TimeGenerated": now, "Type": "Check", "version": env!("CARGO_PKG_VERSION") });
    let row = format!("{row}\n");
    let mut batcher = Batcher::new(BatchLimits { bytes: row.len(), rows: 1, row_bytes: row.len() }, 0);
    Lines::new(0).feed(row.as_bytes(), |line| drop(batcher.push(line)));
    let batch = batcher.cut().expect("a row makes a batch");
    let to = Destination { dataset: SCRATCH.to_owned(), blob: None };
    let delivery = async { axiom.deliver(&to, axiom.pack(batch, 1).await, Instant::now() + SOON).await };
    let advice = "give the token of AXIOM_TOKEN the right to ingest; the message says into which dataset";
    match tokio::time::timeout(3 * SOON, delivery).await {
        Ok(Ok(delivered)) if delivered.tally().rows == 1 => {
            Finding::ok(AREA, format!("a row went into dataset {SCRATCH}, which may be deleted"))
        }
        Ok(Ok(delivered)) => {
            let reason = delivered.refused().first().map(|refused| refused.reason.as_str()).unwrap_or_default();
            Finding::failed(AREA, format!("dataset {SCRATCH} does not take a row: {reason}"), advice)
        }
        Ok(Err(error)) => Finding::failed(AREA, chain(&error), advice),
        Err(_) => {
            Finding::failed(AREA, format!("no answer to a row within {} s", 3 * SOON.as_secs()), "try again later")
        }
    }
}

/// Why there is no answer that is of use.
#[derive(Debug)]
pub(super) enum Trouble {
    /// None came soon.
    Late,
    /// What Axiom, or the way to it, says.
    Look(LookError),
}

impl Trouble {
    fn status(&self) -> Option<u16> {
        match self {
            Self::Look(LookError::Refused { status, .. }) => Some(*status),
            _ => None,
        }
    }

    fn said(&self) -> String {
        match self {
            Self::Late => format!("no answer within {} s", SOON.as_secs()),
            Self::Look(error) => chain(error),
        }
    }
}

/// The answer, if it comes soon.
pub(super) async fn soon<T>(work: impl Future<Output = Result<T, LookError>>) -> Result<T, Trouble> {
    match tokio::time::timeout(SOON, work).await {
        Ok(answer) => answer.map_err(Trouble::Look),
        Err(_) => Err(Trouble::Late),
    }
}
