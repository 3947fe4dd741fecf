//! A Log Analytics workspace beside a world, and what became of its rows.

use std::collections::BTreeMap;

use rig::loganalytics::{Kind, LogAnalytics, Options, Plan, Row, Table};

use super::World;

/// Ticks of 100 ns in a second.
pub const SECOND: i64 = 10_000_000;
/// 2026-01-01 UTC in ticks since 1970.
pub const NEW_YEAR: i64 = 1_767_225_600 * SECOND;

/// Starts a workspace, and tells the world of it.
pub async fn workspace(world: &mut World, options: Options) -> LogAnalytics {
    let workspace = LogAnalytics::start(options).await.expect("the stand-in starts");
    for (name, value) in workspace.settings() {
        world.set(&name, value);
    }
    workspace
}

/// A table with a row for each of these times, numbered in their order; ids are the numbers unless `id` says otherwise.
pub fn table_of(name: &str, times: impl IntoIterator<Item = i64>, id: impl Fn(usize) -> String) -> Table {
    let columns =
        [("TimeGenerated", Kind::DateTime), ("Number", Kind::Long), ("Props", Kind::Dynamic), ("Type", Kind::String)];
    let mut table = Table::new(name, &columns).hidden(&[("_ItemId", Kind::String)]).plan(Plan::Analytics);
    table.append(times.into_iter().enumerate().map(|(number, time)| {
        let visible = format!(r#""{}",{number},"{{\"n\":{number}}}","{name}""#, shown(time));
        Row::new(time, &visible, &format!("\"{}\"", id(number)))
    }));
    table
}

/// The usual ids: unlike any other table's.
pub fn ids(name: &str) -> impl Fn(usize) -> String {
    let name = name.to_owned();
    move |number| format!("{name}-{number}")
}

/// A time as a reply has it.
fn shown(time: i64) -> String {
    let text = sentinel_axiom::query::window::Ticks(time).to_string();
    let text = text.trim_end_matches('Z').trim_end_matches('0').trim_end_matches('.');
    format!("{text}Z")
}

/// How often each number of a dataset arrived, by how often: `{1: 500}` says that 500 rows came once.
pub fn arrivals(world: &World, dataset: &str) -> BTreeMap<usize, usize> {
    let mut numbers: BTreeMap<i64, usize> = BTreeMap::new();
    for event in world.axiom.events(dataset) {
        *numbers.entry(event["Number"].as_i64().expect("a row of the tests has a number")).or_default() += 1;
    }
    let mut arrivals = BTreeMap::new();
    numbers.into_values().for_each(|times| *arrivals.entry(times).or_default() += 1);
    arrivals
}
