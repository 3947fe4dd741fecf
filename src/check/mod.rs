//! `check`: tries everything that the settings promise, and says what to do about what does not hold.
//!
//! `finding` and the judgement in each area are pure; each area asks its own service, all at the same time, and none waits for long. Nothing is changed but a
//! container of its own in each account, and, where asked for, a row in a dataset of its own.

mod account;
pub mod axiom;
mod clock;
mod datasets;
mod export;
pub mod finding;
mod identity;
mod probe;
mod queue;
mod trouble;
mod workspace;

use time::OffsetDateTime;

use crate::axiom::Axiom;
use crate::azure::{self, Blobs};
use crate::report::chain;
use crate::settings::{AxiomSettings, Platform, Readable, Storage};
use account::{Account, Reached};
use datasets::Known;
use finding::{Finding, Report, SETTINGS};
use identity::SignedIn;
use trouble::Whose;

const EXPORT: &str = "export account";
const HOST: &str = "host account";

/// Roles of the deployment (docs/deployment.md).
const EXPORT_WHOSE: Whose = Whose { setting: "EXPORT_STORAGE", role: "Storage Blob Data Contributor" };
const HOST_WHOSE: Whose = Whose { setting: "AzureWebJobsStorage", role: "Storage Blob Data Owner" };
const QUEUE_WHOSE: Whose = Whose { setting: "AzureWebJobsStorage", role: "Storage Queue Data Contributor" };

/// This machine's clock and a service's, at the same moment.
type Clocks = Option<(OffsetDateTime, OffsetDateTime)>;

/// Checks everything. `write` also sends a row to Axiom. What cannot be checked, because its settings are wrong, is said and left out.
pub async fn check(variables: Vec<(String, String)>, platform: &Platform, write: bool) -> Report {
    let readable = Readable::read(variables);
    let (pulls, all) = workspace::pulls(readable.pulls.as_ref());
    let hunts = all.iter().any(workspace::asks_hunting);
    let azure = async {
        // First: where there is no token, that is all there is to say.
        let signed_in = identity::sign_in(&readable, platform.identity, hunts).await;
        let azure = Azure { readable: &readable, platform, signed_in: &signed_in };
        let areas = tokio::join!(
            Box::pin(azure.export()),
            Box::pin(azure.host()),
            Box::pin(azure.queue()),
            Box::pin(azure.workspace())
        );
        (signed_in.findings, areas)
    };
    let ((identity, areas), (axiom, seen)) = tokio::join!(Box::pin(azure), Box::pin(axiom(&readable, write)));
    let ((export, tables, clocks), (host, host_clocks), queue, workspace) = areas;
    let datasets = match (&readable.axiom, seen) {
        (Some(settings), Some((axiom, known))) => datasets::datasets(&axiom, settings, &known, &tables).await,
        _ => Vec::new(),
    };
    let mut findings = settings(&readable);
    findings.push(Finding::ok("version", format!("sentinel-axiom {}", env!("CARGO_PKG_VERSION"))));
    findings.push(clock::clock(clocks.or(host_clocks)));
    for area in [identity, export, host, queue, axiom, datasets] {
        findings.extend(area);
    }
    findings.extend(workspace.into_iter().chain(pulls));
    Report(findings)
}

fn settings(readable: &Readable) -> Vec<Finding> {
    if readable.problems.is_empty() {
        return vec![Finding::ok(SETTINGS, "all of them make sense")];
    }
    let problem = |problem: &crate::settings::Problem| {
        Finding::failed(SETTINGS, format!("{} {}", problem.setting, problem.wrong), problem.remedy.clone())
    };
    readable.problems.iter().map(problem).collect()
}

/// An area that cannot be tried, since nobody can sign in.
fn no_token(area: &'static str) -> Finding {
    Finding::unknown(area, "not tried: there is no token", "see identity")
}

/// An area that cannot be tried, since a setting that it needs is wrong.
fn not_tried(area: &'static str, setting: &str) -> Finding {
    Finding::unknown(area, format!("not tried: {setting} is wrong"), "mend the setting, and check again")
}

/// What is tried of Azure.
struct Azure<'a> {
    readable: &'a Readable,
    platform: &'a Platform,
    signed_in: &'a SignedIn,
}

impl Azure<'_> {
    /// The setting of an account, or why nothing of it is tried.
    fn storage<'a>(
        &self,
        area: &'static str,
        storage: Option<&'a Storage>,
        whose: Whose,
    ) -> Result<&'a Storage, Finding> {
        match storage {
            None => Err(not_tried(area, whose.setting)),
            Some(storage) if self.signed_in.lacks_storage(storage) => Err(no_token(area)),
            Some(storage) => Ok(storage),
        }
    }

    /// A client for an account's blobs, or why there is none.
    fn connect(&self, area: &'static str, storage: Option<&Storage>, whose: Whose) -> Result<Blobs, Finding> {
        azure::connect_blobs(self.storage(area, storage, whose)?, self.platform.identity).map_err(|error| {
            Finding::failed(area, chain(&error), "install the system's CA certificates, and see who signs in")
        })
    }

    /// Looks into the export account; gives the exported tables, too.
    async fn export(&self) -> (Vec<Finding>, Vec<String>, Clocks) {
        let blobs = match self.connect(EXPORT, self.readable.export.as_ref(), EXPORT_WHOSE) {
            Ok(blobs) => blobs,
            Err(finding) => return (vec![finding], Vec::new(), None),
        };
        let account = Account { area: EXPORT, whose: EXPORT_WHOSE, blobs: &blobs };
        let Reached { mut findings, open, clocks } = account.reach().await;
        let mut tables = Vec::new();
        if open {
            let (found, exported) = export::export(&account, self.readable).await;
            findings.extend(found);
            tables = exported;
        }
        (findings, tables, clocks)
    }

    async fn host(&self) -> (Vec<Finding>, Clocks) {
        if self.shares_account() {
            // The host keeps containers, keys and locks of its own in its account: none of them belong where data export writes.
            let advice = "give each an account of its own: who may delete exported blobs could then change what the app runs, and the other way round";
            return (vec![Finding::warning(HOST, "it is the account of EXPORT_STORAGE, too", advice)], None);
        }
        let blobs = match self.connect(HOST, self.readable.host_storage.as_ref(), HOST_WHOSE) {
            Ok(blobs) => blobs,
            Err(finding) => return (vec![finding], None),
        };
        let account = Account { area: HOST, whose: HOST_WHOSE, blobs: &blobs };
        let Reached { mut findings, open, clocks } = account.reach().await;
        if open {
            findings.extend(probe::probe(&account).await.findings);
        }
        (findings, clocks)
    }

    fn shares_account(&self) -> bool {
        let blob = |storage: &Storage| storage.blob().as_str().trim_end_matches('/').to_owned();
        let [export, host] =
            [&self.readable.export, &self.readable.host_storage].map(|storage| storage.as_ref().map(blob));
        export.is_some() && export == host
    }

    async fn queue(&self) -> Vec<Finding> {
        let storage = match self.storage(queue::AREA, self.readable.host_storage.as_ref(), QUEUE_WHOSE) {
            Ok(storage) => storage,
            Err(finding) => return vec![finding],
        };
        let name = &self.readable.work_queue;
        let open = |name: &str| azure::connect_queue(storage, self.platform.identity, name);
        match (open(name), open(&format!("{name}-poison"))) {
            (Ok(queue), Ok(poison)) => {
                let export = self.readable.export.as_ref().map(Storage::blob);
                queue::queue(name, (&queue, &poison), QUEUE_WHOSE, export).await
            }
            (Err(error), _) | (_, Err(error)) => {
                vec![Finding::failed(queue::AREA, chain(&error), "compare AzureWebJobsStorage")]
            }
        }
    }

    async fn workspace(&self) -> Option<Finding> {
        let settings = self.readable.log_analytics.as_ref()?;
        if self.signed_in.lacks_workspace() {
            return Some(no_token(workspace::AREA));
        }
        Some(workspace::workspace(settings, self.platform.identity).await)
    }
}

async fn axiom(readable: &Readable, write: bool) -> (Vec<Finding>, Option<(Axiom, Known)>) {
    let Some(settings) = &readable.axiom else { return (vec![not_tried(axiom::AREA, wrong_of_axiom(readable))], None) };
    let axiom = match Axiom::connect(AxiomSettings::clone(settings)) {
        Ok(axiom) => axiom,
        Err(error) => return (vec![Finding::failed(axiom::AREA, chain(&error), "mend the setting")], None),
    };
    let (mut findings, known) = axiom::axiom(&axiom, settings).await;
    if write {
        findings.push(axiom::write(&axiom).await);
    }
    (findings, known.map(|known| (axiom, known)))
}

/// The setting that keeps Axiom from being tried.
fn wrong_of_axiom(readable: &Readable) -> &str {
    let problem = readable.problems.iter().find(|problem| problem.setting.starts_with("AXIOM_"));
    problem.map_or("AXIOM_TOKEN", |problem| problem.setting.as_str())
}
