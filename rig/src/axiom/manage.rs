//! Datasets as clients manage them: `/v1/datasets` and `/v2/datasets` of the central API.

use serde_json::{Map, Value, json};
use time::{Duration, OffsetDateTime};

use super::closed;
use super::dataset::{Dataset, Field};
use super::fault::{Refusal, RetryAfter};
use super::options::Rules;
use super::reply::Reply;
use super::server::{Call, Shared};
use super::timestamp;

/// The deployment that all datasets of the stand-in live in.
pub(crate) const EDGE_DEPLOYMENT: &str = "cloud.us-east-1.aws";

/// What may be said about a dataset that is made, and about one that is there.
const CREATION: [&str; 6] = ["name", "description", "kind", "useRetentionPeriod", "retentionDays", "edgeDeployment"];
const CHANGES: [&str; 3] = ["description", "retentionDays", "useRetentionPeriod"];

type Answer = Result<Reply, Refusal>;

/// Serves what is below `/v1/datasets` or `/v2/datasets`.
pub(crate) fn manage(shared: &Shared, call: &Call, method: &str, path: &[&str]) -> Answer {
    let rights = shared.store().tokens.rights(&call.headers, call.edge, shared.options.rules.unknown_token)?;
    if method != "GET" {
        rights.may_manage()?;
    }
    match (method, path) {
        ("GET", []) => {
            let store = shared.store();
            Ok(Reply::json(200, &store.datasets.values().map(shown).collect()))
        }
        ("POST", []) => create(shared, call),
        (_, [name]) => one(shared, call, method, name),
        (_, [name, "mapfields", rest @ ..]) => with(shared, name, |dataset| map_fields(dataset, call, method, rest)),
        ("GET", [name, "fields"]) => with(shared, name, |dataset| {
            Ok(Reply::json(200, &dataset.fields.iter().map(|(name, field)| shown_field(name, field)).collect()))
        }),
        ("PUT", [name, "fields", field]) => with(shared, name, |dataset| set_field(dataset, call, field)),
        ("GET", [name, "info"]) => with(shared, name, |dataset| Ok(Reply::json(200, &info(dataset)))),
        ("POST", [name, "trim"]) => with(shared, name, |_| trim(call)),
        ("POST", [name, "vacuum"]) => with(shared, name, vacuum),
        _ => Err(Refusal::new(404, "not found")),
    }
}

/// The settings of a dataset that a client has just created.
pub(crate) fn settings(name: &str, edge_url: &str, request: &Map<String, Value>) -> Map<String, Value> {
    let now = timestamp::format(timestamp::now());
    let asked =
        |key: &str, default: Value| request.get(key).filter(|value| !value.is_null()).cloned().unwrap_or(default);
    let settings = json!({
        "id": name, "name": name, "description": asked("description", json!("")), "created": now, "updatedAt": now,
        "who": "stand-in", "kind": asked("kind", json!("axiom:events:v1")), "canWrite": true,
        "edgeDeployment": asked("edgeDeployment", json!(EDGE_DEPLOYMENT)), "edgeDeploymentUrl": edge_url, "sharedByOrg": "",
        "retentionDays": asked("retentionDays", json!(0)), "useRetentionPeriod": asked("useRetentionPeriod", json!(false)),
    });
    settings.as_object().cloned().unwrap_or_default()
}

/// The object that a request carries, with none but these keys.
fn body(call: &Call, keys: &[&str]) -> Result<Map<String, Value>, Refusal> {
    let body: Value =
        serde_json::from_slice(&call.body).map_err(|error| Refusal::new(400, format!("invalid request: {error}")))?;
    closed::object(&body, "invalid request", keys).cloned()
}

/// Refuses a retention of no days.
fn check_retention(settings: &Map<String, Value>) -> Result<(), Refusal> {
    let days = settings.get("retentionDays").and_then(Value::as_i64).unwrap_or_default();
    if settings.get("useRetentionPeriod") == Some(&json!(true)) && days <= 0 {
        return Err(Refusal::new(400, "retentionDays must be positive when useRetentionPeriod is set"));
    }
    Ok(())
}

fn shown(dataset: &Dataset) -> Value {
    let mut settings = dataset.settings.clone();
    settings.insert("mapFields".to_owned(), json!(dataset.map_fields));
    Value::Object(settings)
}

fn with(shared: &Shared, name: &str, serve: impl FnOnce(&mut Dataset) -> Answer) -> Answer {
    let mut store = shared.store();
    serve(store.datasets.get_mut(name).ok_or_else(|| missing(name))?)
}

fn missing(name: &str) -> Refusal {
    Refusal::new(404, format!("dataset {name} not found"))
}

fn create(shared: &Shared, call: &Call) -> Answer {
    let (request, rules) = (body(call, &CREATION)?, &shared.options.rules);
    let name = request.get("name").and_then(Value::as_str).unwrap_or_default();
    check_name(name, rules)?;
    check_retention(&request)?;
    let mut store = shared.store();
    let taken = |known: &String| known == name || (rules.case_insensitive_names && known.eq_ignore_ascii_case(name));
    if store.datasets.keys().any(taken) {
        return Err(Refusal::new(409, format!("dataset {name} already exists")));
    }
    if store.datasets.len() >= rules.datasets_max {
        return Err(Refusal::new(rules.over_datasets, format!("limit of {} datasets reached", rules.datasets_max)));
    }
    let dataset = Dataset::new(settings(name, &shared.edge_url, &request));
    let answer = Reply::json(200, &shown(&dataset));
    store.datasets.insert(name.to_owned(), dataset);
    Ok(answer)
}

fn check_name(name: &str, rules: &Rules) -> Result<(), Refusal> {
    let special = |byte: u8| if rules.strict_names { byte == b'-' } else { b"._-".contains(&byte) };
    let characters = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || special(byte));
    let ends = name.bytes().next().into_iter().chain(name.bytes().last()).all(|byte| byte.is_ascii_alphanumeric());
    if !(1..=128).contains(&name.len()) || !characters || !ends || name.starts_with("axiom-") {
        return Err(Refusal::new(400, format!("invalid dataset name {name:?}")));
    }
    Ok(())
}

fn one(shared: &Shared, call: &Call, method: &str, name: &str) -> Answer {
    if method == "DELETE" {
        shared.store().datasets.remove(name).ok_or_else(|| missing(name))?;
        return Ok(Reply::raw(204, "", ""));
    }
    with(shared, name, |dataset| {
        if method == "PUT" {
            let mut changed = dataset.settings.clone();
            // Clients send the name again; it stays what it is.
            changed
                .extend(body(call, &[&CHANGES[..], &["name"]].concat())?.into_iter().filter(|(key, _)| key != "name"));
            check_retention(&changed)?;
            dataset.settings = changed;
            dataset.settings.insert("updatedAt".to_owned(), json!(timestamp::format(timestamp::now())));
        } else if method != "GET" {
            return Err(Refusal::new(405, "method not allowed"));
        }
        Ok(Reply::json(200, &shown(dataset)))
    })
}

fn map_fields(dataset: &mut Dataset, call: &Call, method: &str, path: &[&str]) -> Answer {
    match (method, path) {
        ("GET", []) => Ok(Reply::json(200, &json!(dataset.map_fields))),
        ("POST", []) => {
            let request = body(call, &["name"])?;
            let name = request.get("name").and_then(Value::as_str).filter(|name| is_map_field(name));
            let name = name.ok_or_else(|| Refusal::new(400, "name is missing, or no map field's"))?.to_owned();
            let answer = Reply::json(200, &json!({"name": name}));
            if !dataset.map_fields.contains(&name) {
                dataset.map_fields.push(name);
            }
            Ok(answer)
        }
        ("PUT", []) => {
            let names = serde_json::from_slice(&call.body);
            dataset.map_fields = names.map_err(|error| Refusal::new(400, format!("invalid request: {error}")))?;
            Ok(Reply::json(200, &json!(dataset.map_fields)))
        }
        ("DELETE", [name]) => {
            let place = dataset.map_fields.iter().position(|known| known == name);
            dataset.map_fields.remove(place.ok_or_else(|| Refusal::new(404, format!("map field {name} not found")))?);
            Ok(Reply::raw(204, "", ""))
        }
        _ => Err(Refusal::new(404, "not found")),
    }
}

/// The rule of Axiom's Terraform provider: letters and digits, and `_`, `.`, `-` between them.
fn is_map_field(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric();
    name.bytes().all(|byte| plain(byte) || b"_.-".contains(&byte))
        && name.bytes().next().is_some_and(plain)
        && name.bytes().last().is_some_and(plain)
}

fn shown_field(name: &str, field: &Field) -> Value {
    let types: Vec<_> = field.types.iter().copied().collect();
    let mut shown = json!({"name": name, "type": types.join("|"), "description": "", "unit": "", "hidden": false});
    for (key, value) in &field.settings {
        shown[key] = value.clone();
    }
    shown
}

fn set_field(dataset: &mut Dataset, call: &Call, name: &str) -> Answer {
    let field = dataset.fields.get_mut(name).ok_or_else(|| Refusal::new(404, format!("field {name} not found")))?;
    field.settings.extend(body(call, &["description", "unit", "hidden"])?);
    Ok(Reply::json(200, &shown_field(name, field)))
}

fn info(dataset: &Dataset) -> Value {
    let times = (dataset.times.iter().min(), dataset.times.iter().max());
    let fields: Vec<_> = dataset.fields.iter().map(|(name, field)| shown_field(name, field)).collect();
    json!({
        "name": dataset.settings["name"], "numEvents": dataset.totals.content.rows, "numFields": dataset.fields.len(),
        "inputBytes": dataset.totals.bytes, "compressedBytes": dataset.totals.wire_bytes, "created": dataset.settings["created"],
        "minTime": times.0.map(|time| timestamp::format(*time)), "maxTime": times.1.map(|time| timestamp::format(*time)),
        "fields": fields,
    })
}

/// Removes nothing: whole blocks are trimmed, and the stand-in never finishes one.
fn trim(call: &Call) -> Answer {
    let request = body(call, &["maxDuration"])?;
    let duration = request.get("maxDuration").and_then(Value::as_str).unwrap_or_default();
    if !duration.ends_with(['s', 'm', 'h']) {
        return Err(Refusal::new(400, format!("invalid maxDuration {duration:?}")));
    }
    Ok(Reply::json(200, &json!({"numDeleted": 0})))
}

/// Forgets the fields; once a day, then 429 with a GMT date.
fn vacuum(dataset: &mut Dataset) -> Answer {
    let now = OffsetDateTime::now_utc();
    if let Some(wait) = dataset.vacuumed.map(|last| last + Duration::DAY - now).filter(|wait| wait.is_positive()) {
        let seconds = wait.whole_seconds().unsigned_abs() + 1;
        return Err(Refusal::new(429, "dataset was vacuumed today").retry_after(RetryAfter::Date(seconds)));
    }
    dataset.vacuumed = Some(now);
    dataset.fields.clear();
    Ok(Reply::json(200, &json!({})))
}
