//! What can be wrong on the side of Axiom: the token, its organisation, the edge, datasets.

use rig::axiom::Rights;

use super::deployment::{Case, USUAL, ready};
use crate::configuration::WRONG_TOKEN;

pub(super) const CASES: &[Case] = &[
    Case {
        what: "1: a personal token for an edge deployment",
        axiom: USUAL,
        spoil: |deployment| {
            let (token, edge) =
                (deployment.world.axiom.add_token(Rights::personal("ours")), deployment.world.axiom.edge_url());
            deployment.world.set("AXIOM_TOKEN", token).set("AXIOM_ORG_ID", "ours").set("AXIOM_EDGE_URL", edge);
            ready()
        },
        code: 64,
        expected: &[
            [
                "failed",
                "settings",
                "AXIOM_TOKEN is a personal token, which edge deployments do not accept",
                "use an API token (xaat-)",
            ],
            ["warning", "axiom", "a personal token of organisation ours", "use an API token"],
        ],
    },
    Case {
        what: "1: a token that is none",
        axiom: USUAL,
        spoil: |deployment| {
            deployment.world.set("AXIOM_TOKEN", "sk-0123456789abcdef");
            ready()
        },
        code: 64,
        expected: &[[
            "failed",
            "settings",
            "AXIOM_TOKEN begins neither with xaat- nor with xapt-",
            "create an API token",
        ]],
    },
    Case {
        what: "1: a token that Axiom does not know",
        axiom: USUAL,
        spoil: |deployment| {
            deployment.world.set("AXIOM_TOKEN", WRONG_TOKEN);
            ready()
        },
        code: 1,
        expected: &[["failed", "axiom", "Axiom answers 401", "set AXIOM_TOKEN to a token that Axiom shows"]],
    },
    Case {
        what: "2: a personal token without its organisation",
        axiom: USUAL,
        spoil: |deployment| {
            deployment.world.set("AXIOM_TOKEN", "xapt-0badc0de-0000-4000-8000-000000000000");
            ready()
        },
        code: 64,
        expected: &[[
            "failed",
            "settings",
            "AXIOM_ORG_ID is missing, but AXIOM_TOKEN is a personal token",
            "set it to the organisation's id",
        ]],
    },
    Case {
        what: "8: as many datasets as there may be",
        axiom: |options| {
            options.datasets = vec!["other".to_owned()];
            options.rules.datasets_max = 1;
        },
        spoil: |_| ready(),
        code: 1,
        expected: &[[
            "failed",
            "datasets",
            "1 of 1 datasets; not there: securityevent: the limit is reached",
            "have the limit raised",
        ]],
    },
    Case {
        what: "8: a dataset that shall not be made",
        axiom: |options| options.datasets.clear(),
        spoil: |deployment| {
            deployment.world.set("AXIOM_CREATE_DATASETS", "false");
            ready()
        },
        code: 1,
        expected: &[["failed", "datasets", "not there: securityevent", "set AXIOM_CREATE_DATASETS to true"]],
    },
    Case {
        what: "12: an edge that is none",
        axiom: USUAL,
        spoil: |deployment| {
            let url = deployment.world.axiom.url();
            deployment.world.set("AXIOM_EDGE_URL", url);
            ready()
        },
        code: 1,
        expected: &[[
            "failed",
            "axiom",
            "is no edge deployment: it answers 404",
            "set AXIOM_EDGE to the edge deployment that the datasets show",
        ]],
    },
];
