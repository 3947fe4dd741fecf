//! The sources of pulls beside a world: a workspace and advanced hunting, opened by one identity.

use rig::{hunting, loganalytics};
use serde_json::{Map, Value};

use super::{Ran, World};

/// The two services that are asked.
pub struct Sources {
    pub hunting: hunting::Hunting,
    pub workspace: loganalytics::LogAnalytics,
}

/// Starts both, and tells the world of them. Runs of a test follow each other faster than any quota allows, so there is none unless a test sets one.
pub async fn sources(world: &mut World) -> Sources {
    let free = hunting::Options { rate: 1_000_000, ..hunting::Options::default() };
    let wide = loganalytics::Options { rate: 1_000_000, ..loganalytics::Options::default() };
    world.set("HUNTING_CALLS", "1000");
    sources_with(world, free, wide).await
}

pub async fn sources_with(world: &mut World, hunting: hunting::Options, workspace: loganalytics::Options) -> Sources {
    let hunting = hunting::Hunting::start(hunting).await.expect("the stand-in starts");
    let workspace = loganalytics::LogAnalytics::start_with(workspace, hunting.identity()).await;
    let workspace = workspace.expect("the stand-in starts");
    for (name, value) in hunting.settings().into_iter().chain(workspace.settings()) {
        world.set(&name, value);
    }
    Sources { hunting, workspace }
}

/// A pull, as an entry of the file.
pub fn pull(name: &str, source: &str, mode: &str, more: &str) -> String {
    format!(
        "[[pull]]\nname = \"{name}\"\nsource = \"{source}\"\nmode = \"{mode}\"\nschedule = \"0 0 * * * *\"\n{more}\n"
    )
}

impl World {
    /// Runs a pull once, as of some time; it must do well.
    pub async fn pull(&self, name: &str, as_of: &str) -> Ran {
        let ran = self.try_pull(name, as_of).await;
        assert_eq!(ran.code, Some(0), "{}", ran.output);
        ran
    }

    /// Runs a pull once, as of some time.
    pub async fn try_pull(&self, name: &str, as_of: &str) -> Ran {
        self.run(&["pull", "run", name, "--once", "--as-of", as_of]).await
    }

    /// The records of a pull's runs, oldest first.
    pub fn records(&self, pull: &str) -> Vec<Map<String, Value>> {
        let mut records = self.axiom.events("sentinel-axiom-pulls");
        records.retain(|record| record["pull"] == pull);
        records.sort_by(|one, other| one["began"].as_str().cmp(&other["began"].as_str()));
        records
    }
}

/// The last record's number of this name.
pub fn number(record: &Map<String, Value>, name: &str) -> u64 {
    record.get(name).and_then(Value::as_u64).unwrap_or_default()
}
