//! `/v2/dashboards`: documents that are checked closely, under a uid and with a version (Axiom's API reference, v2, and the dashboards that
//! its own tools make).

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::closed::{invalid, number, object, text};
use super::fault::Refusal;
use super::reply::Reply;
use super::server::{Call, Shared};
use super::timestamp;

/// The owner that makes a dashboard everybody's: API tokens can make no others.
const EVERYONE: &str = "X-AXIOM-EVERYONE";

const DOCUMENT: [&str; 12] = [
    "name",
    "owner",
    "description",
    "charts",
    "layout",
    "refreshTime",
    "schemaVersion",
    "timeWindowStart",
    "timeWindowEnd",
    "against",
    "againstTimestamp",
    "uid",
];

/// Charts that show the result of a query.
const WITH_QUERY: [&str; 9] =
    ["TimeSeries", "Heatmap", "LogStream", "Pie", "Scatter", "Table", "TopK", "Statistic", "SectionHeader"];

/// A dashboard that is kept.
#[derive(Debug, Clone)]
pub(crate) struct Dashboard {
    id: String,
    version: i64,
    created: String,
    updated: String,
    document: Value,
}

/// Serves what is below `/v2/dashboards`.
pub(crate) fn dashboards(shared: &Shared, call: &Call, method: &str, path: &[&str]) -> Result<Reply, Refusal> {
    let mut store = shared.store();
    let rights = store.tokens.rights(&call.headers, call.edge, shared.options.rules.unknown_token)?;
    rights.may_use_dashboards()?;
    let by_token = rights.org.is_none();
    let all = &mut store.dashboards;
    match (method, path) {
        ("GET", []) => Ok(Reply::json(200, &all.iter().map(|(uid, dashboard)| dashboard.shown(uid)).collect())),
        ("GET", ["uid", uid]) => {
            let dashboard = all.get(*uid).ok_or_else(|| missing(uid))?;
            Ok(Reply::json(200, &dashboard.shown(uid)))
        }
        ("DELETE", ["uid", uid]) => {
            all.remove(*uid).ok_or_else(|| missing(uid))?;
            Ok(Reply::raw(204, "", ""))
        }
        ("POST", []) | ("PUT", ["uid", _]) => {
            let body: Value =
                serde_json::from_slice(&call.body).map_err(|error| invalid("request", &error.to_string()))?;
            let body = object(&body, "request", &["dashboard", "uid", "version", "overwrite", "message"])?;
            let document = body.get("dashboard").unwrap_or(&Value::Null);
            check(document, by_token)?;
            let named = body.get("uid").or_else(|| document.get("uid")).and_then(Value::as_str);
            let uid = match path {
                ["uid", uid] if named.is_none_or(|named| named == *uid) => (*uid).to_owned(),
                ["uid", _] => return Err(invalid("request", "uid is not that of the path")),
                _ => named.map_or_else(|| format!("{:016x}", fastrand::u64(..)), str::to_owned),
            };
            write(all, &uid, body, method)
        }
        _ => Err(Refusal::new(404, "not found")),
    }
}

type Kept = std::collections::BTreeMap<String, Dashboard>;

/// Makes a dashboard, or puts a document in the place of another if the version is the one that the client knows.
fn write(all: &mut Kept, uid: &str, body: &Map<String, Value>, method: &str) -> Result<Reply, Refusal> {
    let letters = uid.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    if !letters || !(1..=128).contains(&uid.len()) {
        return Err(invalid("request", "uid must be 1 to 128 letters, digits, hyphens and underscores"));
    }
    let overwrite = body.get("overwrite") == Some(&json!(true));
    let now = timestamp::format(timestamp::now());
    let (status, word) = match all.get(uid) {
        None if method == "PUT" && !overwrite => return Err(missing(uid)),
        None => (201, "created"),
        Some(_) if method == "POST" && !overwrite => {
            return Err(Refusal::new(409, format!("dashboard {uid} already exists")));
        }
        Some(kept) if !overwrite && body.get("version") != Some(&json!(kept.version)) => {
            let message = "version does not match";
            let conflict =
                json!({"code": "version_mismatch", "message": message, "uid": uid, "currentVersion": kept.version});
            return Ok(Reply::json(412, &conflict));
        }
        Some(_) => (200, "updated"),
    };
    let fresh = || Dashboard {
        id: format!("{:016x}", fastrand::u64(..)),
        version: 0,
        created: now.clone(),
        updated: String::new(),
        document: Value::Null,
    };
    let dashboard = all.entry(uid.to_owned()).or_insert_with(fresh);
    dashboard.version += 1;
    dashboard.document = body["dashboard"].clone();
    dashboard.document["uid"] = json!(uid);
    dashboard.updated = now;
    let shown = dashboard.shown(uid);
    Ok(Reply::json(status, &json!({"status": word, "overwritten": overwrite, "dashboard": shown})))
}

fn missing(uid: &str) -> Refusal {
    Refusal::new(404, format!("dashboard {uid} not found"))
}

impl Dashboard {
    fn shown(&self, uid: &str) -> Value {
        json!({
            "uid": uid, "id": self.id, "version": self.version, "dashboard": self.document, "createdAt": self.created,
            "updatedAt": self.updated, "createdBy": "stand-in", "updatedBy": "stand-in",
        })
    }
}

fn check(document: &Value, by_token: bool) -> Result<(), Refusal> {
    let place = "dashboard validation failed";
    let dashboard = object(document, place, &DOCUMENT)?;
    text(dashboard, place, "name", 100)?;
    if text(dashboard, place, "owner", 100)? != EVERYONE && by_token {
        return Err(Refusal::new(403, format!("API tokens can only create dashboards of {EVERYONE}")));
    }
    for key in ["timeWindowStart", "timeWindowEnd"] {
        if !text(dashboard, place, key, 100)?.starts_with("qr-") {
            return Err(invalid(place, &format!("{key} must begin with qr-")));
        }
    }
    number(dashboard, place, "schemaVersion", 2..=2)?;
    if ![60, 300].contains(&number(dashboard, place, "refreshTime", 60..=300)?) {
        return Err(invalid(place, "refreshTime must be 60 or 300"));
    }
    let list = |key: &str| {
        let list = dashboard.get(key).and_then(Value::as_array).filter(|list| list.len() <= 200);
        list.ok_or_else(|| invalid(place, &format!("{key} must be a list of at most 200")))
    };
    let mut ids = BTreeSet::new();
    for (index, chart) in list("charts")?.iter().enumerate() {
        let place = format!("{place} at [charts {index}]");
        if !ids.insert(check_chart(chart, &place)?) {
            return Err(invalid(&place, "id is not unique"));
        }
    }
    for (index, item) in list("layout")?.iter().enumerate() {
        check_layout(item, &format!("{place} at [layout {index}]"), &mut ids)?;
    }
    Ok(())
}

/// Checks a chart; gives its id.
fn check_chart<'a>(chart: &'a Value, place: &str) -> Result<&'a str, Refusal> {
    let kind = chart.get("type").and_then(Value::as_str).unwrap_or_default();
    let more: &[&str] = match kind {
        "Statistic" => &[
            "query",
            "datasetId",
            "unit",
            "customUnits",
            "showChart",
            "colorScheme",
            "hideValue",
            "errorThreshold",
            "warningThreshold",
            "invertTheme",
            "hideHeader",
        ],
        "Table" | "LogStream" => &["query", "datasetId", "customUnits", "tableSettings", "hideHeader"],
        _ if WITH_QUERY.contains(&kind) => &["query", "datasetId", "customUnits", "hideHeader"],
        "Note" => &["text", "variant"],
        "MonitorList" => &["selectedMonitors", "columns"],
        "SmartFilter" => &["filters"],
        "Spacer" | "Placeholder" => &[],
        _ => return Err(invalid(place, &format!("type {kind:?} is not known"))),
    };
    let keys = [&["id", "type", "name"], more].concat();
    let object_of_chart = object(chart, place, &keys)?;
    if WITH_QUERY.contains(&kind) {
        text(object_of_chart, place, "name", 200)?;
        let query = object(&chart["query"], place, &["apl", "metricsDataset", "queryOptions"])?;
        let apl = text(query, place, "apl", 100_000)?;
        super::apl::parse(apl).map_err(|error| invalid(place, &error.message()))?;
    }
    text(object_of_chart, place, "id", 128)
}

/// Checks a place on the grid; each chart has one at most.
fn check_layout<'a>(item: &'a Value, place: &str, charts: &mut BTreeSet<&'a str>) -> Result<(), Refusal> {
    let item = object(item, place, &["i", "x", "y", "w", "h", "minW", "minH", "maxW", "maxH", "static"])?;
    if !charts.remove(text(item, place, "i", 128)?) {
        return Err(invalid(place, "i is no chart's id, or a chart has two places"));
    }
    let (x, width) = (number(item, place, "x", 0..=11)?, number(item, place, "w", 1..=12)?);
    number(item, place, "h", 1..=100)?;
    if item.get("y").is_some_and(|y| !y.is_null()) {
        number(item, place, "y", 0..=10_000)?;
    }
    if x + width > 12 {
        return Err(invalid(place, "reaches beyond the grid of 12 columns"));
    }
    Ok(())
}
