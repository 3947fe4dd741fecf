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
use account::Account;
use datasets::Known;
use finding::{Finding, Report, SETTINGS};
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
    let (identity, workspace, export, host, queue, axiom) = tokio::join!(
        Box::pin(identity::identity(&readable, platform.identity, hunts)),
        Box::pin(workspace(&readable, platform)),
        Box::pin(export(&readable, platform)),
        Box::pin(host(&readable, platform)),
        Box::pin(queue(&readable, platform)),
        Box::pin(axiom(&readable, write)),
    );
    let (export, tables, clocks) = export;
    let (host, host_clocks) = host;
    let (axiom, seen) = axiom;
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

/// An area that cannot be tried, since a setting that it needs is wrong.
fn not_tried(area: &'static str, setting: &str) -> Finding {
    Finding::unknown(area, format!("not tried: {setting} is wrong"), "mend the setting, and check again")
}

async fn workspace(readable: &Readable, platform: &Platform) -> Option<Finding> {
    let settings = readable.log_analytics.as_ref()?;
    Some(workspace::workspace(settings, platform.identity).await)
}

/// The clients of an account, or why there are none.
fn connect(area: &'static str, storage: Option<&Storage>, whose: Whose, platform: &Platform) -> Result<Blobs, Finding> {
    let storage = storage.ok_or_else(|| not_tried(area, whose.setting))?;
    azure::connect_blobs(storage, platform.identity).map_err(|error| {
        Finding::failed(area, chain(&error), "install the system's CA certificates, and see who signs in")
    })
}

/// Looks into the export account; gives the exported tables, too.
async fn export(readable: &Readable, platform: &Platform) -> (Vec<Finding>, Vec<String>, Clocks) {
    let blobs = match connect(EXPORT, readable.export.as_ref(), EXPORT_WHOSE, platform) {
        Ok(blobs) => blobs,
        Err(finding) => return (vec![finding], Vec::new(), None),
    };
    let account = Account { area: EXPORT, whose: EXPORT_WHOSE, blobs: &blobs };
    let reached = account.reach().await;
    let (mut findings, mut tables) = (reached.findings, Vec::new());
    findings.extend(shared(readable));
    if reached.open {
        let (found, exported) = export::export(&account, readable).await;
        findings.extend(found);
        tables = exported;
    }
    (findings, tables, reached.clocks)
}

/// The host keeps its own containers, keys and locks in its account: none of them belong where data export writes.
fn shared(readable: &Readable) -> Option<Finding> {
    let (export, host) = (readable.export.as_ref()?.blob(), readable.host_storage.as_ref()?.blob());
    let same = export.as_str().trim_end_matches('/') == host.as_str().trim_end_matches('/');
    same.then(|| {
        let advice = "give each an account of its own: who may delete exported blobs could then change what the app runs, and the other way round";
        Finding::warning(EXPORT, "it is the account of AzureWebJobsStorage, too", advice)
    })
}

async fn host(readable: &Readable, platform: &Platform) -> (Vec<Finding>, Clocks) {
    let blobs = match connect(HOST, readable.host_storage.as_ref(), HOST_WHOSE, platform) {
        Ok(blobs) => blobs,
        Err(finding) => return (vec![finding], None),
    };
    let account = Account { area: HOST, whose: HOST_WHOSE, blobs: &blobs };
    let reached = account.reach().await;
    let mut findings = reached.findings;
    if reached.open {
        findings.extend(probe::probe(&account).await.findings);
    }
    (findings, reached.clocks)
}

async fn queue(readable: &Readable, platform: &Platform) -> Vec<Finding> {
    const AREA: &str = "queue";
    let Some(storage) = &readable.host_storage else { return vec![not_tried(AREA, "AzureWebJobsStorage")] };
    let name = &readable.work_queue;
    let open = |name: &str| azure::connect_queue(storage, platform.identity, name);
    match (open(name), open(&format!("{name}-poison"))) {
        (Ok(queue), Ok(poison)) => {
            let export = readable.export.as_ref().map(Storage::blob);
            queue::queue(name, (&queue, &poison), QUEUE_WHOSE, export).await
        }
        (Err(error), _) | (_, Err(error)) => vec![Finding::failed(AREA, chain(&error), "compare AzureWebJobsStorage")],
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
