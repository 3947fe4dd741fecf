//! `/v2/monitors` and `/v2/notifiers` (Axiom's API reference, v2).

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::closed::{invalid, number, object, one_of, text};
use super::fault::Refusal;
use super::reply::Reply;
use super::server::{Call, Shared};
use super::timestamp;

/// What a client may send; the server's own keys may come back with the rest.
const KEYS: [&str; 26] = [
    "alertOnNoData",
    "aplQuery",
    "columnName",
    "compareDays",
    "createdAt",
    "createdBy",
    "description",
    "disabled",
    "disabledUntil",
    "intervalMinutes",
    "mplQuery",
    "name",
    "notifierIds",
    "notifyByGroup",
    "notifyEveryRun",
    "operator",
    "rangeMinutes",
    "resolvable",
    "secondDelay",
    "skipResolved",
    "threshold",
    "tolerance",
    "triggerAfterNPositiveResults",
    "triggerFromNRuns",
    "type",
    "updatedAt",
];

/// Monitors, or notifiers, by id.
pub(crate) type ById = BTreeMap<String, Value>;

/// Serves what is below `/v2/monitors`.
pub(crate) fn monitors(shared: &Shared, call: &Call, method: &str, path: &[&str]) -> Result<Reply, Refusal> {
    let mut store = shared.store();
    let rights = store.tokens.rights(&call.headers, call.edge, shared.options.rules.unknown_token)?;
    rights.may_use_monitors()?;
    match (method, path) {
        ("POST", []) => {
            let monitor = checked(call, &store.notifiers)?;
            let (id, now) = (new_id("mon"), timestamp::format(timestamp::now()));
            Ok(Reply::json(201, &keep(&mut store.monitors, &id, monitor, &now)))
        }
        ("PUT", [id]) => {
            let known = store.monitors.get(*id).ok_or_else(|| missing(id))?;
            let created = known["createdAt"].as_str().unwrap_or_default().to_owned();
            let monitor = checked(call, &store.notifiers)?;
            Ok(Reply::json(200, &keep(&mut store.monitors, id, monitor, &created)))
        }
        _ => plain(&mut store.monitors, method, path),
    }
}

/// Serves what is below `/v2/notifiers`.
pub(crate) fn notifiers(shared: &Shared, call: &Call, method: &str, path: &[&str]) -> Result<Reply, Refusal> {
    let mut store = shared.store();
    store.tokens.rights(&call.headers, call.edge, shared.options.rules.unknown_token)?.may_use_notifiers()?;
    match (method, path) {
        ("POST", []) => {
            let body: Value =
                serde_json::from_slice(&call.body).map_err(|error| invalid("notifier", &error.to_string()))?;
            let notifier = object(&body, "notifier", &["name", "properties", "disabledUntil"])?;
            text(notifier, "notifier", "name", 200)?;
            object(
                &body["properties"],
                "notifier",
                &[
                    "customWebhook",
                    "discord",
                    "discordWebhook",
                    "email",
                    "microsoftTeams",
                    "opsgenie",
                    "pagerduty",
                    "slack",
                    "webhook",
                ],
            )?;
            let id = new_id("notify");
            let mut kept = body.clone();
            kept["id"] = json!(id);
            store.notifiers.insert(id, kept.clone());
            Ok(Reply::json(201, &kept))
        }
        _ => plain(&mut store.notifiers, method, path),
    }
}

/// List, get and delete.
fn plain(all: &mut ById, method: &str, path: &[&str]) -> Result<Reply, Refusal> {
    match (method, path) {
        ("GET", []) => Ok(Reply::json(200, &all.values().cloned().collect())),
        ("GET", [id]) => Ok(Reply::json(200, all.get(*id).ok_or_else(|| missing(id))?)),
        ("DELETE", [id]) => {
            all.remove(*id).ok_or_else(|| missing(id))?;
            Ok(Reply::raw(204, "", ""))
        }
        _ => Err(Refusal::new(404, "not found")),
    }
}

fn new_id(kind: &str) -> String {
    format!("{kind}_{:016x}", fastrand::u64(..))
}

fn missing(id: &str) -> Refusal {
    Refusal::new(404, format!("{id} not found"))
}

/// The monitor of a request. What it leaves out is not kept from before: a `PUT` replaces all of it.
fn checked(call: &Call, notifiers: &ById) -> Result<Map<String, Value>, Refusal> {
    const PLACE: &str = "monitor";
    let body: Value = serde_json::from_slice(&call.body).map_err(|error| invalid(PLACE, &error.to_string()))?;
    let monitor = object(&body, PLACE, &KEYS)?;
    text(monitor, PLACE, "name", 200)?;
    let apl = text(monitor, PLACE, "aplQuery", 100_000)?;
    super::apl::parse(apl).map_err(|error| invalid(PLACE, &error.message()))?;
    if apl.contains("bin_auto") {
        return Err(invalid(PLACE, "bin_auto depends on a time range that monitors do not have"));
    }
    if one_of(monitor, PLACE, "type", &["Threshold", "MatchEvent", "AnomalyDetection"])? == "Threshold" {
        one_of(monitor, PLACE, "operator", &["Below", "BelowOrEqual", "Above", "AboveOrEqual"])?;
        if !monitor.get("threshold").is_some_and(Value::is_number) {
            return Err(invalid(PLACE, "threshold must be a number"));
        }
    }
    number(monitor, PLACE, "intervalMinutes", 1..=1_000_000)?;
    number(monitor, PLACE, "rangeMinutes", 1..=1_000_000)?;
    let unknown = |id: &&Value| !id.as_str().is_some_and(|id| notifiers.contains_key(id));
    if let Some(id) = monitor.get("notifierIds").and_then(Value::as_array).into_iter().flatten().find(unknown) {
        return Err(invalid(PLACE, &format!("notifier {id} not found")));
    }
    Ok(monitor.clone())
}

/// Keeps a monitor with what the server adds to it; gives it as it is shown.
fn keep(all: &mut ById, id: &str, monitor: Map<String, Value>, created: &str) -> Value {
    let mut kept = json!({
        "alertOnNoData": false, "notifyByGroup": false, "resolvable": false, "disabled": false, "notifierIds": [],
        "triggerFromNRuns": 1, "triggerAfterNPositiveResults": 1, "secondDelay": 0,
    });
    for (key, value) in monitor {
        kept[key] = value;
    }
    let server = json!({"id": id, "createdAt": created, "createdBy": "stand-in", "updatedAt": timestamp::format(timestamp::now())});
    for (key, value) in server.as_object().into_iter().flatten() {
        kept[key] = value.clone();
    }
    all.insert(id.to_owned(), kept.clone());
    kept
}
