//! `provision`: datasets, map fields, a dashboard and monitors in Axiom, made or put right; what somebody else made is left alone.

use std::io::Write;
use std::path::Path;

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::axiom::Axiom;
use crate::cli::Provision;
use crate::provision::plan::{self, Item, State};
use crate::provision::present::{self, Present};
use crate::provision::template::{self, Fill};
use crate::provision::wanted::{self, Retention, Table, Wanted};
use crate::pulls::pull::Destination;
use crate::pulls::{self, PullsError, sink};
use crate::report::chain;
use crate::settings::{DatasetRule, ProvisionSettings, is_dataset};

/// Makes what is missing and changes what differs; with `--dry-run` it only says what it would do. True when all is as wanted, or would be.
///
/// # Errors
/// What is wanted is not clear, or Axiom does not do it. What was made until then stays.
pub async fn provision(
    settings: &ProvisionSettings,
    what: &Provision,
    out: &mut (dyn Write + Send),
) -> anyhow::Result<bool> {
    let axiom = Axiom::connect(settings.axiom.clone())?;
    let wanted = wanted(settings, what, &axiom)?;
    let present = match present::read(&axiom, &wanted, !what.notifiers.is_empty()).await {
        Ok(present) => present,
        Err(errors) => {
            for error in &errors {
                tracing::error!(error = chain(error), "not known what there is, so nothing was changed");
            }
            return Ok(false);
        }
    };
    let notifiers = notifiers(&what.notifiers, &present.notifiers)?;
    let items = items(&wanted, &present, notifiers.as_deref(), axiom.deployment().as_deref());
    for item in &items {
        if !what.dry_run {
            for request in &item.requests {
                axiom.manage(request).await?;
            }
        }
        writeln!(out, "{item}")?;
    }
    for name in not_wanted(&wanted, &present) {
        writeln!(out, "? monitor {name}\n    not wanted any more, and left as it is: delete it in Axiom")?;
    }
    writeln!(out, "\n{}", summary(&items, what.dry_run))?;
    Ok(items.iter().all(|item| item.left.is_empty()))
}

/// What there should be.
fn wanted(settings: &ProvisionSettings, what: &Provision, axiom: &Axiom) -> anyhow::Result<Wanted> {
    let telemetry = &what.telemetry_dataset;
    if !is_dataset(telemetry) {
        bail!("--telemetry-dataset {telemetry:?} is no dataset's name: letters, digits, dots, hyphens and underscores");
    }
    let (tables, audit) = tables(settings, what, axiom)?;
    let mut datasets = wanted::datasets(&tables, &what.map_fields);
    if datasets.is_empty() {
        bail!("no tables are named: set TABLES as for the deployment, or give --table");
    }
    let names = |exported: bool| {
        let has = |name: &str| tables.iter().any(|table| table.dataset == name && (table.exported || !exported));
        datasets.iter().map(|dataset| dataset.name.clone()).filter(|name| has(name)).collect()
    };
    let fill =
        Fill { telemetry: telemetry.clone(), datasets: names(false), exported: names(true), price: what.price_per_gb };
    let own = [
        Some((telemetry.as_str(), "What sentinel-axiom did: one event for each visit and sweep.")),
        audit.map(|name| (name, "What pulls did: one record for each run.")),
    ];
    for (name, description) in own.into_iter().flatten() {
        // It may be the dataset that takes all tables.
        if !datasets.iter().any(|dataset| dataset.name == name) {
            datasets.push(wanted::our_own(name, description));
        }
    }
    Ok(Wanted {
        datasets,
        retention: what.retention_days.map(|days| Retention { days, lower: what.lower_retention }),
        uid: telemetry.replace('.', "-"),
        dashboard: from_file(what.dashboard.as_deref(), template::DASHBOARD, |text| template::dashboard(text, &fill))?,
        monitors: from_file(what.monitors.as_deref(), template::MONITORS, |text| template::monitors(text, &fill))?,
        prefix: format!("{telemetry}: "),
    })
}

/// The tables whose rows come to Axiom, and the dataset for records of pulls where there are any.
fn tables<'a>(
    settings: &'a ProvisionSettings,
    what: &Provision,
    axiom: &Axiom,
) -> anyhow::Result<(Vec<Table>, Option<&'a str>)> {
    let named = if what.tables.is_empty() { &settings.tables } else { &what.tables };
    let exported = |name: &String| Table {
        name: name.clone(),
        dataset: axiom.dataset_for(Some(name), &name.to_ascii_lowercase()),
        exported: true,
    };
    let mut tables: Vec<_> = named.iter().map(exported).collect();
    if let (true, DatasetRule::One(dataset)) = (tables.is_empty(), &settings.axiom.datasets) {
        tables.push(Table { name: "all tables".to_owned(), dataset: dataset.clone(), exported: true });
    }
    let pulls = match pulls::written_down(settings.pulls.pulls.as_ref()) {
        Ok(pulls) => pulls,
        Err(PullsError::None) => return Ok((tables, None)),
        Err(error) => return Err(error.into()),
    };
    for pull in &pulls {
        if let Destination::Axiom(name) = &pull.destination {
            let dataset = sink::dataset(axiom, pull, name.as_deref());
            tables.push(Table { name: pull.table.as_ref().unwrap_or(&pull.name).clone(), dataset, exported: false });
        }
    }
    Ok((tables, Some(&settings.pulls.audit_dataset)))
}

/// Reads what is given in a file, or what is built in.
fn from_file<T>(
    file: Option<&Path>,
    built_in: &str,
    read: impl FnOnce(&str) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let Some(file) = file else { return read(built_in) };
    let text = std::fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
    read(&text).with_context(|| format!("read {}", file.display()))
}

/// The ids of notifiers that are named, by name or id; nothing where none is.
fn notifiers(named: &[String], all: &[Value]) -> anyhow::Result<Option<Vec<String>>> {
    let mut ids = Vec::new();
    for name in named {
        let Some(notifier) = all.iter().find(|notifier| notifier["id"] == **name || notifier["name"] == **name) else {
            let names: Vec<_> = all.iter().filter_map(|notifier| notifier["name"].as_str()).collect();
            bail!(
                "there is no notifier {name:?} in Axiom: there are {names:?} (make one in Axiom under Monitors, Notifiers)"
            );
        };
        ids.push(notifier["id"].as_str().unwrap_or_default().to_owned());
    }
    Ok((!ids.is_empty()).then_some(ids))
}

fn items(wanted: &Wanted, present: &Present, notifiers: Option<&[String]>, deployment: Option<&str>) -> Vec<Item> {
    let datasets = wanted.datasets.iter().map(|dataset| {
        let is = present.datasets.get(&dataset.name).map(|(is, fields)| (is, &fields[..]));
        plan::dataset(dataset, is, wanted.retention, deployment)
    });
    let monitors = wanted.monitors.iter().map(|monitor| plan::monitor(monitor, notifiers, &present.monitors));
    let dashboard = plan::dashboard(&wanted.uid, &wanted.dashboard, present.dashboard.as_ref());
    datasets.chain(monitors).chain([dashboard]).collect()
}

/// Names of monitors that are ours and not wanted: of tables that are shipped no more.
fn not_wanted<'a>(wanted: &'a Wanted, present: &'a Present) -> impl Iterator<Item = &'a Value> {
    let is_wanted = |name: &Value| wanted.monitors.iter().any(|monitor| monitor["name"] == *name);
    let begins = |name: &Value| name.as_str().is_some_and(|name| name.starts_with(&wanted.prefix));
    let ours = present.monitors.iter().filter(|monitor| plan::is_ours(monitor)).map(|monitor| &monitor["name"]);
    ours.filter(move |name| begins(name) && !is_wanted(name))
}

fn summary(items: &[Item], dry_run: bool) -> String {
    let count = |state: State| items.iter().filter(|item| item.state == state).count();
    let (made, changed) = if dry_run { ("to make", "to change") } else { ("made", "changed") };
    let sent = if dry_run { "; nothing was sent" } else { "" };
    format!(
        "{} {made}, {} {changed}, {} as wanted, {} of somebody else{sent}",
        count(State::Missing),
        count(State::Differs),
        count(State::Same),
        count(State::Foreign)
    )
}
