//! The dashboard that `provision` makes, drawn as a page: its own queries, asked of the stand-in for Axiom over a made-up day of telemetry. It shows what the dashboard
//! says, not how Axiom draws it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context as _, ensure};
use sentinel_axiom::provision::template::{self, Fill};
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use crate::axiom::{Axiom, Options};

/// Dataset of telemetry, and those of rows.
const TELEMETRY: &str = "sentinel-axiom";
const TABLES: [&str; 3] = ["SigninLogs", "SecurityEvent", "AuditLogs"];

/// Colours of the lines of a plot.
const COLOURS: [&str; 6] = ["#3a6ea5", "#c2571a", "#2b7a3d", "#7a4ea3", "#8a5a00", "#b3261e"];

const STYLE: &str = "body{margin:0;padding:16px;font:13px/1.4 system-ui,sans-serif;background:#f4f5f8;color:#1c1e21}\
main{display:grid;grid-template-columns:repeat(12,1fr);gap:10px}section{background:#fff;border:1px solid #d8dce3;border-radius:6px;padding:10px;min-width:0;overflow:hidden}\
h2{font-size:13px;margin:0 0 6px;color:#556}.big{font-size:26px;font-variant-numeric:tabular-nums}svg{width:100%;height:120px;display:block}\
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}td,th{text-align:left;padding:2px 8px 2px 0;border-bottom:1px solid #eceef2;max-width:380px;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}\
.key{color:#556;font-size:11px}.key b{font-weight:600}";

/// Columns of a reply, by name, in its order.
type Columns = Vec<(String, Vec<Value>)>;

/// The page.
///
/// # Errors
/// The stand-in refuses a query of the dashboard, or the dashboard is none.
pub async fn page() -> anyhow::Result<String> {
    let datasets: Vec<String> = TABLES.iter().map(|table| (*table).to_owned()).collect();
    let axiom = Axiom::start(Options {
        keep_rows: true,
        datasets: [&datasets[..], &[TELEMETRY.to_owned()]].concat(),
        ..Options::default()
    })
    .await?;
    let now = OffsetDateTime::now_utc();
    ingest(&axiom, TELEMETRY, &day(now)?).await?;
    for table in TABLES {
        let row = |number: i64| Ok(json!({"_time": text(now - Duration::milliseconds(number * 150))?, "Type": table}));
        ingest(&axiom, table, &(0..200).map(row).collect::<anyhow::Result<Vec<_>>>()?).await?;
    }
    let fill = Fill { telemetry: TELEMETRY.to_owned(), exported: datasets.clone(), datasets, price: 0.12 };
    let dashboard = template::dashboard(template::DASHBOARD, &fill)?;
    let layout: BTreeMap<&str, u64> = dashboard["layout"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|place| Some((place["i"].as_str()?, place["w"].as_u64()?)))
        .collect();
    let mut out = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>dashboard</title><style>{STYLE}</style></head><body><main>"
    );
    for chart in dashboard["charts"].as_array().context("charts")? {
        let Some(apl) = chart["query"]["apl"].as_str() else { continue };
        let columns = ask(&axiom, apl, now).await.with_context(|| format!("ask chart {}", chart["id"]))?;
        let width = chart["id"].as_str().and_then(|id| layout.get(id)).copied().unwrap_or(12);
        let name = chart["name"].as_str().unwrap_or_default();
        let drawn = match chart["type"].as_str() {
            Some("Statistic") => statistic(&columns, chart["customUnits"].as_str()),
            Some("TimeSeries") => series(&columns),
            _ => table(&columns),
        };
        write!(out, "<section style=\"grid-column:span {width}\"><h2>{}</h2>{drawn}</section>", escape(name))?;
    }
    Ok(out + "</main></body></html>")
}

/// Visits and sweeps of a day, one each for every ten minutes and table: busy by day, a short trouble in the morning.
fn day(now: OffsetDateTime) -> anyhow::Result<Vec<Value>> {
    let mut events = Vec::new();
    for step in 0..144_i64 {
        let at = text(now - Duration::minutes(10 * (143 - step) + 1))?;
        let busy = 43 - (step - 72).abs().min(40);
        let trouble = (50..54).contains(&step);
        for (number, table) in TABLES.iter().enumerate() {
            let rows = busy * [400, 9000, 60][number];
            let done = i64::from(!trouble);
            let mut event = json!({
                "_time": at, "service.name": "sentinel-axiom", "event.name": "visit", "azure.table": table.to_ascii_lowercase(),
                "azure.blob": format!("am-{}/y=2026/{step}", table.to_ascii_lowercase()), "rows": rows * done, "bytes": rows * done * 900,
                "set_aside": i64::from(step % 29 == 0), "duplicates": 0, "attempts": 1 + 6 * (1 - done), "lag_seconds": 12 + step % 9 + 300 * (1 - done),
                "outcome": if trouble { "failed" } else { "deleted" },
            });
            if trouble {
                event["error.message"] = "put off the delivery to Axiom: Axiom answers 503: busy".into();
            }
            events.push(event);
        }
        let waits = if trouble { (step - 49) * 3 } else { step % 2 };
        events.push(json!({
            "_time": at, "service.name": "sentinel-axiom", "event.name": "sweep", "blobs": 40 + waits, "waiting_blobs": waits,
            "waiting_bytes": waits * 4_000_000, "oldest_seconds": waits * 200,
        }));
    }
    Ok(events)
}

async fn ingest(axiom: &Axiom, dataset: &str, rows: &[Value]) -> anyhow::Result<()> {
    let lines: String = rows.iter().map(|row| row.to_string() + "\n").collect();
    let url = format!("{}/v1/datasets/{dataset}/ingest", axiom.url());
    let request = reqwest::Client::new().post(url).bearer_auth(axiom.token());
    let answer = request.header("content-type", "application/x-ndjson").body(lines).send().await?;
    ensure!(answer.status() == 200, "ingest into {dataset}: {}", answer.text().await?);
    Ok(())
}

async fn ask(axiom: &Axiom, apl: &str, now: OffsetDateTime) -> anyhow::Result<Columns> {
    let range = (text(now - Duration::days(1))?, text(now + Duration::minutes(1))?);
    let url = format!("{}/v1/datasets/_apl?format=tabular", axiom.url());
    let body = json!({"apl": apl, "startTime": range.0, "endTime": range.1});
    let answer = reqwest::Client::new().post(url).bearer_auth(axiom.token()).json(&body).send().await?;
    let (status, said) = (answer.status(), answer.text().await?);
    ensure!(status == 200, "{status}: {said}");
    let table = &serde_json::from_str::<Value>(&said)?["tables"][0];
    let names = table["fields"].as_array().context("fields")?;
    let columns = table["columns"].as_array().context("columns")?;
    let name = |field: &Value| field["name"].as_str().unwrap_or_default().to_owned();
    Ok(names
        .iter()
        .map(name)
        .zip(columns.iter().map(|column| column.as_array().cloned().unwrap_or_default()))
        .collect())
}

fn statistic(columns: &Columns, unit: Option<&str>) -> String {
    let value = columns.last().and_then(|(_, cells)| cells.last()).map_or_else(|| "-".to_owned(), cell);
    format!("<div class=\"big\">{} {}</div>", escape(&value), escape(unit.unwrap_or_default()))
}

/// Lines over time: a line for each number of the reply, or, where a text tells its rows apart, for each of its values.
fn series(columns: &Columns) -> String {
    let times = columns.iter().find(|(name, _)| name == "_time").map(|(_, cells)| cells.clone()).unwrap_or_default();
    let group = columns.iter().find(|(name, cells)| name != "_time" && cells.iter().any(Value::is_string));
    let mut lines: BTreeMap<String, Vec<(String, f64)>> = BTreeMap::new();
    for (name, cells) in columns.iter().filter(|(name, cells)| name != "_time" && !cells.iter().any(Value::is_string)) {
        for (row, value) in cells.iter().enumerate() {
            let key = group.map_or_else(|| name.clone(), |(_, names)| cell(&names[row]));
            let at = times.get(row).map(cell).unwrap_or_default();
            lines.entry(key).or_default().push((at, value.as_f64().unwrap_or_default()));
        }
    }
    let mut all: Vec<&String> = lines.values().flatten().map(|(at, _)| at).collect();
    all.sort();
    all.dedup();
    let place: BTreeMap<&String, usize> = all.iter().enumerate().map(|(place, at)| (*at, place)).collect();
    let most = lines.values().flatten().map(|(_, value)| *value).fold(1.0, f64::max);
    let (mut drawn, mut key) = (String::new(), String::new());
    for ((name, points), colour) in lines.iter().zip(COLOURS.iter().cycle()) {
        let wide = 600.0 / f64::from(u32::try_from(all.len().max(2) - 1).unwrap_or(u32::MAX));
        let mut points: Vec<(usize, f64)> = points.iter().map(|(at, value)| (place[at], *value)).collect();
        points.sort_by_key(|(place, _)| *place);
        let path: Vec<String> = points
            .iter()
            .map(|(place, value)| {
                let x = f64::from(u32::try_from(*place).unwrap_or(u32::MAX)) * wide;
                format!("{x:.1},{:.1}", 118.0 - value / most * 112.0)
            })
            .collect();
        write!(
            drawn,
            "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\" points=\"{}\"/>",
            path.join(" ")
        )
        .expect("writing to memory");
        write!(key, "<b style=\"color:{colour}\">{}</b> ", escape(name)).expect("writing to memory");
    }
    format!(
        "<svg viewBox=\"0 0 600 120\" preserveAspectRatio=\"none\">{drawn}</svg><div class=\"key\">{key}&middot; at most {}</div>",
        escape(&cell(&json!(most.round())))
    )
}

fn table(columns: &Columns) -> String {
    let heads: String = columns.iter().map(|(name, _)| format!("<th>{}</th>", escape(name))).collect();
    let rows = columns.first().map_or(0, |(_, cells)| cells.len());
    let row = |row: usize| {
        let cells: String =
            columns.iter().map(|(_, cells)| format!("<td>{}</td>", escape(&cell(&cells[row])))).collect();
        format!("<tr>{cells}</tr>")
    };
    format!("<table><tr>{heads}</tr>{}</table>", (0..rows.min(8)).map(row).collect::<String>())
}

fn cell(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => match number.as_f64() {
            Some(float) if float.fract() != 0.0 => format!("{float:.2}"),
            Some(float) => format!("{float:.0}"),
            None => number.to_string(),
        },
        other => other.to_string(),
    }
}

fn text(time: OffsetDateTime) -> anyhow::Result<String> {
    Ok(time.format(&Rfc3339)?)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
