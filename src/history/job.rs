//! What a backfill is about: one table, or what one query gives, for one destination. Pure.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::loganalytics::Plan;
use crate::loganalytics::kql::Source;

/// One table's history, on its way to one place. Kept beside its slices, so that whoever works on one knows all that there is to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// The table, or the name that was given to a query.
    pub name: String,
    /// The query; without one, the table itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// The table's plan.
    #[serde(default)]
    pub plan: Plan,
    /// Where the rows go.
    pub to: Target,
    /// Columns that come only when they are named, as far as the table has them.
    #[serde(default)]
    pub hidden: Vec<String>,
}

/// Where rows go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// A dataset of Axiom.
    Axiom {
        /// Its name.
        dataset: String,
    },
    /// Blobs in the paths of data export.
    Storage {
        /// Whether they are compressed.
        zstd: bool,
    },
}

impl Job {
    /// Where it is kept account of: a path of its own for each name and destination, so that the same range is never sent there twice.
    #[must_use]
    pub fn key(&self) -> String {
        match &self.to {
            Target::Axiom { dataset } => format!("axiom/{dataset}/{}", self.name),
            Target::Storage { .. } => format!("storage/{}", self.name),
        }
    }

    /// What is read.
    #[must_use]
    pub fn source(&self) -> Source {
        Source::new(self.query.as_deref().unwrap_or(&self.name), &self.hidden)
    }

    /// Whether both move the same rows to the same place. A table may have got columns in between.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        *self == Self { hidden: self.hidden.clone(), ..other.clone() }
    }
}

impl fmt::Display for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.to {
            Target::Axiom { dataset } => write!(f, "{} to dataset {dataset}", self.name),
            Target::Storage { .. } => write!(f, "{} to storage", self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_destination_has_an_account_of_its_own() {
        let job = |to| Job { name: "T".to_owned(), query: None, plan: Plan::Analytics, to, hidden: Vec::new() };
        assert_eq!(job(Target::Axiom { dataset: "d".to_owned() }).key(), "axiom/d/T");
        assert_eq!(job(Target::Storage { zstd: true }).key(), "storage/T");
        let text = serde_json::to_string(&job(Target::Storage { zstd: false })).unwrap();
        assert_eq!(text, r#"{"name":"T","plan":"analytics","to":{"storage":{"zstd":false}},"hidden":[]}"#);
        assert_eq!(serde_json::from_str::<Job>(&text).unwrap(), job(Target::Storage { zstd: false }));
    }
}
