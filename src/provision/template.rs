//! The dashboard and the monitors, from files that people can read and change: `provision/dashboard.toml`, `provision/monitors.toml`. Pure.

use anyhow::{Context as _, bail, ensure};
use serde_json::{Map, Value, json};

use crate::axiom::MARK;

/// The dashboard, where no other file is given.
pub const DASHBOARD: &str = include_str!("../../provision/dashboard.toml");

/// The monitors, where no other file is given.
pub const MONITORS: &str = include_str!("../../provision/monitors.toml");

/// The columns of a dashboard's grid.
const GRID: u64 = 12;

/// What the files leave open.
#[derive(Debug, Clone, PartialEq)]
pub struct Fill {
    /// The dataset with one event for each visit and sweep.
    pub telemetry: String,
    /// The datasets with rows.
    pub datasets: Vec<String>,
    /// Those of them that exported rows go to.
    pub exported: Vec<String>,
    /// US dollars for a gigabyte that Axiom loads.
    pub price: f64,
}

impl Fill {
    /// Puts the names into all texts of a value.
    fn fill(&self, value: &mut Value, dataset: Option<&str>) {
        match value {
            Value::String(text) => {
                let datasets: Vec<_> = self.datasets.iter().map(|name| format!("['{name}']")).collect();
                let filled = text
                    .replace("{{telemetry}}", &self.telemetry)
                    .replace("{{datasets}}", &datasets.join(", "))
                    .replace("{{price}}", &format!("{:?}", self.price))
                    .replace("{{dataset}}", dataset.unwrap_or("{{dataset}}"));
                filled.trim().clone_into(text);
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.fill(item, dataset)),
            Value::Object(fields) => fields.values_mut().for_each(|field| self.fill(field, dataset)),
            _ => {}
        }
    }
}

/// The document of a dashboard ("Dashboards" in Axiom's API reference, v2).
///
/// # Errors
/// The file is none, with what is wrong in it.
pub fn dashboard(file: &str, fill: &Fill) -> anyhow::Result<Value> {
    let mut dashboard: Map<String, Value> = toml::from_str(file)?;
    let Some(Value::Array(charts)) = dashboard.remove("charts") else { bail!("there are no [[charts]]") };
    let (mut shown, mut layout, mut place) = (Vec::new(), Vec::new(), Place::default());
    for (number, chart) in charts.into_iter().enumerate() {
        let Value::Object(mut chart) = chart else { bail!("chart {number} is no table") };
        let id =
            chart.get("id").and_then(Value::as_str).with_context(|| format!("chart {number} has no id"))?.to_owned();
        if id_of_missing_dataset(&chart, fill) {
            continue;
        }
        let mut size = |key: &str, most| {
            let size = chart.remove(key).and_then(|size| size.as_u64()).filter(|size| (1..=most).contains(size));
            size.with_context(|| format!("chart {id}: {key} must be a number from 1 to {most}"))
        };
        let (x, y, w, h) = place.next(size("width", GRID)?, size("height", 100)?);
        layout.push(json!({"i": id, "x": x, "y": y, "w": w, "h": h}));
        if let Some(apl) = chart.remove("apl") {
            chart.insert("query".to_owned(), json!({ "apl": apl }));
        }
        shown.push(Value::Object(chart));
    }
    let mut document = json!({"owner": "X-AXIOM-EVERYONE", "schemaVersion": 2, "charts": shown, "layout": layout});
    for (key, value) in dashboard {
        document[key] = value;
    }
    finish(&mut document, fill, None)?;
    Ok(document)
}

/// A query over no datasets cannot be asked.
fn id_of_missing_dataset(chart: &Map<String, Value>, fill: &Fill) -> bool {
    let asks = chart.get("apl").and_then(Value::as_str).is_some_and(|apl| apl.contains("{{datasets}}"));
    asks && fill.datasets.is_empty()
}

/// Where the next chart goes: rows from left to right, as high as their highest chart.
#[derive(Debug, Default)]
struct Place {
    x: u64,
    y: u64,
    height: u64,
}

impl Place {
    fn next(&mut self, width: u64, height: u64) -> (u64, u64, u64, u64) {
        if self.x + width > GRID {
            (self.x, self.y, self.height) = (0, self.y + self.height, 0);
        }
        let place = (self.x, self.y, width, height);
        (self.x, self.height) = (self.x + width, self.height.max(height));
        place
    }
}

/// The monitors ("Monitors" in Axiom's API reference, v2).
///
/// # Errors
/// The file holds none, with what is wrong in it.
pub fn monitors(file: &str, fill: &Fill) -> anyhow::Result<Vec<Value>> {
    let mut file: Map<String, Value> = toml::from_str(file)?;
    let Some(Value::Array(templates)) = file.remove("monitors") else { bail!("there are no [[monitors]]") };
    let mut monitors = Vec::new();
    for template in templates {
        let mut add = |dataset| {
            let mut monitor = template.clone();
            finish(&mut monitor, fill, dataset)?;
            monitors.push(monitor);
            anyhow::Ok(())
        };
        if template.to_string().contains("{{dataset}}") {
            fill.exported.iter().try_for_each(|dataset| add(Some(dataset.as_str())))?;
        } else {
            add(None)?;
        }
    }
    Ok(monitors)
}

/// Fills in the names, and marks it as ours.
fn finish(document: &mut Value, fill: &Fill, dataset: Option<&str>) -> anyhow::Result<()> {
    fill.fill(document, dataset);
    let name = document["name"].as_str().unwrap_or_default().to_owned();
    ensure!(!name.is_empty(), "one has no name");
    let description = document["description"].as_str().unwrap_or_default();
    document["description"] = format!("{description} {MARK}.").trim_start().into();
    let left = document.to_string();
    match left.split_once("{{").and_then(|(_, rest)| rest.split_once("}}")) {
        Some((unknown, _)) => {
            bail!("{name}: nothing is filled in for {unknown:?}: use one of the names at the head of the built-in file")
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(datasets: &[&str]) -> Fill {
        let datasets: Vec<_> = datasets.iter().map(|name| (*name).to_owned()).collect();
        Fill { telemetry: "t".to_owned(), exported: datasets.clone(), datasets, price: 0.12 }
    }

    #[test]
    fn charts_are_packed_into_rows() {
        let chart = |id: &str, width: u64, height: u64| {
            format!(
                "[[charts]]\nid = \"{id}\"\ntype = \"Note\"\ntext = \"{{{{telemetry}}}}\"\nwidth = {width}\nheight = {height}\n"
            )
        };
        let file = ["name = \"n\"\n".to_owned(), chart("a", 6, 3), chart("b", 6, 4), chart("c", 12, 1)].concat();
        let document = dashboard(&file, &fill(&[])).unwrap();
        assert_eq!(document["description"], "Written by sentinel-axiom.");
        assert_eq!(document["charts"][0], json!({"id": "a", "type": "Note", "text": "t"}));
        let places: Vec<_> =
            document["layout"].as_array().unwrap().iter().map(|item| (&item["x"], &item["y"])).collect();
        assert_eq!(places, [(&json!(0), &json!(0)), (&json!(6), &json!(0)), (&json!(0), &json!(4))]);
    }

    #[test]
    fn names_are_filled_in() {
        let document = dashboard(DASHBOARD, &fill(&["A", "B-c"])).unwrap();
        let text = document.to_string();
        assert!(text.contains("union withsource=Dataset ['A'], ['B-c']") && text.contains("* 0.12"), "{text}");
        assert!(!dashboard(DASHBOARD, &fill(&[])).unwrap().to_string().contains("union"), "no datasets, no such chart");
        let monitors = monitors(MONITORS, &fill(&["A", "B-c"])).unwrap();
        let names: Vec<_> = monitors.iter().map(|monitor| monitor["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["t: no rows in A", "t: no rows in B-c", "t: lag", "t: backlog", "t: refused", "t: failing"]);
        assert_eq!(monitors[0]["aplQuery"], "['A']\n| summarize Rows = count()");
    }

    #[test]
    fn what_is_wrong_in_a_file_is_said() {
        let check = |file: &str, words: &str| {
            let error = dashboard(file, &fill(&[])).unwrap_err().to_string();
            assert!(error.contains(words), "{file}: {error}");
        };
        check("name = ", "line 1");
        check("name = \"n\"", "there are no [[charts]]");
        check("[[charts]]\ntype = \"Note\"", "chart 0 has no id");
        check("[[charts]]\nid = \"a\"\nwidth = 13", "chart a: width must be a number from 1 to 12");
        check(
            "name = \"{{unknown}}\"\n[[charts]]\nid = \"a\"\nwidth = 1\nheight = 1",
            "nothing is filled in for \"unknown\"",
        );
        check("[[charts]]\nid = \"a\"\nwidth = 1\nheight = 1", "one has no name");
        assert!(monitors("", &fill(&[])).unwrap_err().to_string().contains("there are no [[monitors]]"));
    }
}
