//! What to do about an answer that only a change of settings or rights can help. Pure.

use crate::settings::{AxiomSettings, Door, TokenKind};

/// Ingest into `dataset` is refused.
pub(super) fn ingest_refused(settings: &AxiomSettings, dataset: &str, status: u16, reason: &str) -> String {
    let remedy = match (status, &settings.token_kind) {
        (401 | 403, TokenKind::Api) => {
            format!("give the token of AXIOM_TOKEN the right to ingest into `{dataset}`, or set a token that has it")
        }
        (401 | 403, TokenKind::Personal { org_id }) => {
            format!(
                "check that the token of AXIOM_TOKEN is valid, and that AXIOM_ORG_ID (`{org_id}`) is its organisation"
            )
        }
        (300..=399, _) => format!("set {} to the address of the service itself", door_setting(settings)),
        _ => format!("check {} and the state of the organisation in Axiom", door_setting(settings)),
    };
    format!("ingest into dataset `{dataset}`: Axiom answers {status}: {reason}; {remedy}")
}

/// `dataset` is missing, and we may not create it.
pub(super) fn create_by_hand(dataset: &str, reason: &str) -> String {
    format!(
        "ingest into dataset `{dataset}`: {reason}; create the dataset in Axiom, or set AXIOM_CREATE_DATASETS to true"
    )
}

/// `dataset` exists, but is not found where rows go in.
pub(super) fn dataset_elsewhere(settings: &AxiomSettings, dataset: &str, reason: &str) -> String {
    let remedy = match settings.ingest {
        Door::Edge(_) => "set AXIOM_EDGE to the edge deployment that the dataset shows in Axiom",
        Door::Central(_) => "if the dataset belongs to an edge deployment other than US East 1, set AXIOM_EDGE to it",
    };
    format!("ingest into dataset `{dataset}`: {reason}, although the dataset exists; {remedy}")
}

/// Creation of `dataset` is refused. It has the arguments of [`ingest_refused`], as the caller takes either.
pub(super) fn creation_refused(_: &AxiomSettings, dataset: &str, status: u16, reason: &str) -> String {
    let remedy = match status {
        401 | 403 => "give the token of AXIOM_TOKEN the right to create datasets, or create the dataset in Axiom",
        _ => "create the dataset in Axiom, or name another with AXIOM_DATASET_MAP or AXIOM_DATASET",
    };
    format!("create dataset `{dataset}`: Axiom answers {status}: {reason}; {remedy}")
}

/// Axiom refuses one row after the other, and takes none.
pub(super) fn every_row_refused(dataset: &str, reason: &str) -> String {
    format!(
        "ingest into dataset `{dataset}`: Axiom refuses every row ({reason}); all rows are kept. Check the dataset's kind and Axiom's status page"
    )
}

/// The management API refuses what needs a capability.
pub(super) fn management_refused(status: u16, needs: &str) -> String {
    match status {
        401 => " (AXIOM_TOKEN is not one that Axiom knows)".to_owned(),
        403 => format!(" (give the token of AXIOM_TOKEN the capability {needs}, or set a token that has it)"),
        412 => " (somebody changed it in the meantime: run the command again)".to_owned(),
        _ => String::new(),
    }
}

fn door_setting(settings: &AxiomSettings) -> &'static str {
    match settings.ingest {
        Door::Edge(_) => "AXIOM_EDGE (or AXIOM_EDGE_URL)",
        Door::Central(_) => "AXIOM_URL",
    }
}
