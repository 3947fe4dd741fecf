//! What there is.

use std::collections::BTreeMap;

use serde_json::Value;

use super::plan::is_ours;
use super::wanted::Wanted;
use crate::axiom::Axiom;
use crate::axiom::manage::{ManageError, Request};

/// What there is of what is wanted.
#[derive(Debug, Default)]
pub struct Present {
    /// Datasets by name, with the map fields of ours.
    pub datasets: BTreeMap<String, (Value, Vec<String>)>,
    /// The dashboard under our uid.
    pub dashboard: Option<Value>,
    /// All monitors.
    pub monitors: Vec<Value>,
    /// All notifiers, where they were asked for.
    pub notifiers: Vec<Value>,
}

/// Reads it.
///
/// # Errors
/// All rights that are missing, together.
pub async fn read(axiom: &Axiom, wanted: &Wanted, with_notifiers: bool) -> Result<Present, Vec<ManageError>> {
    let dashboard = Request::read("read the dashboard", "dashboards: read", &["v2", "dashboards", "uid", &wanted.uid]);
    let monitors = Request::read("list the monitors", "monitors: read", &["v2", "monitors"]);
    let (datasets, dashboard, monitors, notifiers) = tokio::join!(
        read_datasets(axiom, wanted),
        axiom.manage(&dashboard),
        list(axiom, &monitors),
        read_notifiers(axiom, with_notifiers)
    );
    let (mut present, mut errors) = (Present::default(), Vec::new());
    datasets.map_or_else(|error| errors.push(error), |found| present.datasets = found);
    dashboard.map_or_else(|error| errors.push(error), |found| present.dashboard = found);
    monitors.map_or_else(|error| errors.push(error), |found| present.monitors = found);
    notifiers.map_or_else(|error| errors.push(error), |found| present.notifiers = found);
    if errors.is_empty() { Ok(present) } else { Err(errors) }
}

async fn list(axiom: &Axiom, request: &Request) -> Result<Vec<Value>, ManageError> {
    match axiom.manage(request).await? {
        Some(Value::Array(all)) => Ok(all),
        // An organisation without any is answered with null by some services written in Go.
        _ => Ok(Vec::new()),
    }
}

async fn read_notifiers(axiom: &Axiom, wanted: bool) -> Result<Vec<Value>, ManageError> {
    if !wanted {
        return Ok(Vec::new());
    }
    list(axiom, &Request::read("list the notifiers", "notifiers: read", &["v2", "notifiers"])).await
}

async fn read_datasets(axiom: &Axiom, wanted: &Wanted) -> Result<BTreeMap<String, (Value, Vec<String>)>, ManageError> {
    let all = list(axiom, &Request::read("list the datasets", "datasets: read", &["v2", "datasets"])).await?;
    let mut found = BTreeMap::new();
    for dataset in all {
        let Some(name) = dataset["name"].as_str().map(str::to_owned) else { continue };
        let Some(wanted) = wanted.datasets.iter().find(|wanted| wanted.name == name) else { continue };
        let mut fields = Vec::new();
        if is_ours(&dataset) && !wanted.map_fields.is_empty() {
            let doing = format!("list the map fields of dataset {name}");
            let request = Request::read(&doing, "datasets: read", &["v2", "datasets", &name, "mapfields"]);
            fields = list(axiom, &request).await?.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        }
        found.insert(name, (dataset, fields));
    }
    Ok(found)
}
