//! The export account: what data export writes, whether somebody else is in it, and what waits.

use std::time::Duration;

use futures::TryStreamExt as _;
use time::OffsetDateTime;

use super::account::Account;
use super::finding::Finding;
use super::probe;
use super::trouble::{IMMUTABLE, Trouble, soon};
use crate::azure::Container;
use crate::settings::{AfterDelivery, Readable};
use crate::source::plan::Policy;
use crate::source::sweep::{self, Found};

/// How long blobs are counted.
const COUNTING: Duration = Duration::from_secs(30);

/// Rows that have waited for longer are worth a look: events bring them within seconds, the sweep within a minute or two.
const OLD: time::Duration = time::Duration::minutes(15);

/// Rows that have waited for longer are in danger: the lifecycle rule of the deployment deletes them in the end.
const VERY_OLD: time::Duration = time::Duration::days(1);

/// Names that are repeated in one line.
const NAMED: usize = 5;

/// Looks into the account; gives the tables that were exported, in lower case, too.
pub(super) async fn export(account: &Account<'_>, readable: &Readable) -> (Vec<Finding>, Vec<String>) {
    let containers = match soon(account.blobs.container_facts("").try_collect::<Vec<_>>()).await {
        Ok(containers) => containers,
        Err(trouble) => return (vec![account.failed("its containers cannot be listed", &trouble)], Vec::new()),
    };
    let asked = soon(account.blobs.soft_delete_days()).await.ok();
    let probed = probe::probe(account).await;
    let mut findings = vec![account.soft_delete(asked, probed.deleted)];
    findings.extend(probed.versions.then(|| {
        let advice = "turn versioning off: every mark on a blob, and every delete, would leave a version that is kept and billed";
        Finding::warning(account.area, "it keeps versions of blobs", advice)
    }));
    findings.extend(probed.findings);
    findings.extend(judge(account.area, &containers));
    findings.extend(waiting(account, readable).await);
    let tables = containers.iter().filter_map(|container| container.name.strip_prefix("am-"));
    let tables = tables.filter(|table| readable.tables.wants(table)).map(str::to_owned).collect();
    (findings, tables)
}

/// What the names and policies of the containers say.
fn judge(area: &'static str, containers: &[Container]) -> Vec<Finding> {
    let names = |which: &dyn Fn(&Container) -> bool| -> Vec<&str> {
        containers.iter().filter(|container| which(container)).map(|container| container.name.as_str()).collect()
    };
    let is_export = |container: &Container| container.name.starts_with("am-");
    // Those with a dollar belong to the service itself, such as $logs.
    let is_foreign = |container: &Container| {
        !is_export(container) && !container.name.starts_with('$') && !container.name.starts_with(probe::PREFIX)
    };
    let mut findings = Vec::new();
    let exported = names(&is_export);
    findings.push(match exported.len() {
        0 => Finding::warning(
            area,
            "no container am-...: data export has written nothing to this account",
            "compare EXPORT_STORAGE with the destination of the rule (az monitor log-analytics workspace data-export list); a new rule begins within half an hour",
        ),
        count => Finding::ok(area, format!("{count} tables are exported to it: {}", some(&exported))),
    });
    let immutable = names(&|container| is_export(container) && container.immutable);
    if !immutable.is_empty() {
        findings.push(Finding::failed(area, format!("immutable: {}", some(&immutable)), IMMUTABLE));
    }
    let foreign = names(&is_foreign);
    if !foreign.is_empty() {
        let advice = "move them to another account: this one is for data export alone, and its keys, policies and limits are shared";
        findings.push(Finding::warning(area, format!("not of data export: {}", some(&foreign)), advice));
    }
    let left = names(&|container| container.name.starts_with(probe::PREFIX));
    if !left.is_empty() {
        let advice = "delete them, unless another check is running";
        findings.push(Finding::warning(area, format!("left by a check that did not end: {}", some(&left)), advice));
    }
    findings
}

/// The first few of these names.
pub(super) fn some(names: &[&str]) -> String {
    let more = if names.len() > NAMED { format!(" and {} more", names.len() - NAMED) } else { String::new() };
    names.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ") + &more
}

async fn waiting(account: &Account<'_>, readable: &Readable) -> Vec<Finding> {
    const AREA: &str = "waiting rows";
    let settle_after = readable.settle_after.unwrap_or(Duration::from_secs(600));
    let policy = Policy {
        settle_after: i64::try_from(settle_after.as_secs()).unwrap_or(i64::MAX),
        delete: readable.after_delivery != Some(AfterDelivery::Keep),
    };
    let sweep = sweep::sweep(account.blobs, &readable.tables, policy, 1);
    let found = match tokio::time::timeout(COUNTING, sweep).await {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => return vec![account.failed("its blobs cannot be listed", &Trouble::Storage(error))],
        Err(_) => {
            let said = format!("there are more blobs than can be counted in {} s", COUNTING.as_secs());
            return vec![Finding::warning(AREA, said, "see that the app runs, and keeps up (docs/performance.md)")];
        }
    };
    let mut findings = vec![age(AREA, &found, OffsetDateTime::now_utc())];
    if !found.strange.is_empty() {
        let names: Vec<_> = found.strange.iter().map(String::as_str).collect();
        let advice = "see who else writes to containers am-...: these blobs are left alone for ever";
        findings.push(Finding::warning(account.area, format!("blobs not of data export: {}", some(&names)), advice));
    }
    let failed = found.failed.into_iter().take(NAMED);
    findings.extend(failed.map(|error| account.failed("a container cannot be listed", &Trouble::Storage(error))));
    findings
}

/// What waits, and for how long.
fn age(area: &'static str, found: &Found, now: OffsetDateTime) -> Finding {
    let Some(oldest) = found.oldest_write else {
        return Finding::ok(area, format!("none; {} blobs are there", found.blobs));
    };
    let waits = now - oldest;
    let said = format!(
        "{} of {} blobs, {} bytes; the oldest was written {} min ago",
        found.waiting,
        found.blobs,
        found.waiting_bytes,
        waits.whole_minutes().max(0)
    );
    let advice =
        "see that the app runs and what its last errors say (docs/troubleshooting.md, stopped and invocations-failing)";
    match waits {
        waits if waits > VERY_OLD => Finding::failed(area, said, advice),
        waits if waits > OLD => Finding::warning(area, said, advice),
        _ => Finding::ok(area, said),
    }
}
