//! Who signs in, and whether there are tokens: for storage, Log Analytics and hunting, as far as the settings need them.

use std::collections::BTreeSet;

use futures::StreamExt as _;

use super::finding::{Finding, Mark};
use super::trouble::SOON;
use crate::azure::Login;
use crate::report::chain;
use crate::settings::{Identity, Readable, Storage};
use crate::{hunting, loganalytics};

const AREA: &str = "identity";

/// The audience of all storage accounts ("Authorize access to blobs using Microsoft Entra ID").
const STORAGE: (&str, &str) = ("storage", "https://storage.azure.com/.default");

const LOG_ANALYTICS: &str = "Log Analytics";

/// A token that is needed: what for, its scope, and the user-assigned identity.
type Wanted = (&'static str, String, Option<String>);

/// Who signs in, and to what there is no token.
pub(super) struct SignedIn {
    pub(super) findings: Vec<Finding>,
    lacking: Vec<Wanted>,
}

impl SignedIn {
    /// Whether the token for this account is missing: then nothing else of it can be tried.
    pub(super) fn lacks_storage(&self, storage: &Storage) -> bool {
        self.lacking.iter().any(|(service, _, of)| {
            *service == STORAGE.0 && matches!(storage, Storage::Identity { client_id, .. } if client_id == of)
        })
    }

    /// Whether the token for the workspace is missing.
    pub(super) fn lacks_workspace(&self) -> bool {
        self.lacking.iter().any(|(service, ..)| *service == LOG_ANALYTICS)
    }
}

/// Tries each token that the settings need. `hunts` says whether a pull asks advanced hunting.
pub(super) async fn sign_in(readable: &Readable, identity: Identity, hunts: bool) -> SignedIn {
    let wanted = wanted(readable, hunts);
    if wanted.is_empty() {
        let nobody = Finding::ok(AREA, "nobody signs in: the accounts are reached by key or signature");
        return SignedIn { findings: vec![nobody], lacking: Vec::new() };
    }
    let who = match identity {
        Identity::Managed => "the platform's managed identity",
        Identity::Workload => "the Kubernetes workload identity",
        Identity::Developer => "your own login (az or azd); the app has another one, whose rights this does not show",
    };
    let tries: Vec<Finding> =
        futures::stream::iter(&wanted).map(|wanted| token(identity, wanted)).buffered(4).collect().await;
    let lacking = wanted.iter().zip(&tries).filter(|(_, found)| found.mark == Mark::Failed);
    let lacking = lacking.map(|(wanted, _)| wanted.clone()).collect();
    SignedIn { findings: std::iter::once(Finding::ok(AREA, who)).chain(tries).collect(), lacking }
}

fn wanted(readable: &Readable, hunts: bool) -> BTreeSet<Wanted> {
    let mut wanted = BTreeSet::new();
    for storage in [&readable.export, &readable.host_storage].into_iter().flatten() {
        if let Storage::Identity { client_id, .. } = storage {
            wanted.insert((STORAGE.0, STORAGE.1.to_owned(), client_id.clone()));
        }
    }
    if let Some(asked) = &readable.log_analytics {
        wanted.insert((LOG_ANALYTICS, loganalytics::scope(&asked.url), asked.client_id.clone()));
    }
    if let Some(pulls) = readable.pulls.as_ref().filter(|_| hunts) {
        let scope = hunting::scope(&pulls.hunting.url, pulls.hunting.api);
        wanted.insert(("advanced hunting", scope, pulls.hunting.client_id.clone()));
    }
    wanted
}

async fn token(identity: Identity, (service, scope, client_id): &Wanted) -> Finding {
    let of = client_id.as_ref().map(|id| format!(" (client id {id})")).unwrap_or_default();
    let token = async { Login::new(identity, client_id.clone(), scope)?.token().await };
    let cause = match tokio::time::timeout(SOON, token).await {
        Ok(Ok(_)) => return Finding::ok(AREA, format!("a token for {service}{of} is given")),
        Ok(Err(error)) => chain(&error),
        Err(_) => format!("no answer within {} s", SOON.as_secs()),
    };
    let advice = match identity {
        Identity::Managed => {
            "see that the app has this identity, and that each ..._CLIENT_ID or ...__clientId is the client id of one that it has"
        }
        Identity::Workload => {
            "compare AZURE_CLIENT_ID and AZURE_TENANT_ID with the federated credential of the service account"
        }
        Identity::Developer => "sign in with az login or azd auth login",
    };
    Finding::failed(AREA, format!("no token for {service}{of}: {cause}"), advice)
}
