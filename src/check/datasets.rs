//! The datasets of the exported tables: whether they are there, where they live, and how near their limits are.

use futures::StreamExt as _;
use serde::Deserialize;

use super::axiom::soon;
use super::export::some;
use super::finding::Finding;
use crate::axiom::Axiom;
use crate::axiom::dataset::dataset_for;
use crate::settings::{AxiomSettings, DatasetRule};

const AREA: &str = "datasets";

/// Datasets whose fields are counted at a time.
const AT_ONCE: usize = 4;

/// Most fields of a dataset where Axiom does not show the limit ("Limits", Axiom Cloud).
const FIELDS: u64 = 1024;

/// A dataset, as Axiom lists it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Dataset {
    pub(super) name: String,
    /// The edge deployment that it lives in: an id, `cloud.<region>`, or a domain.
    #[serde(default)]
    pub(super) edge_deployment: Option<String>,
}

/// What Axiom shows.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) datasets: Vec<Dataset>,
    /// Most that the organisation may have.
    pub(super) most_datasets: Option<u64>,
    /// Most fields that one may have.
    pub(super) most_fields: Option<u64>,
}

/// Compares what Axiom has with what the exported tables (in lower case) need.
pub(super) async fn datasets(
    axiom: &Axiom,
    settings: &AxiomSettings,
    known: &Known,
    tables: &[String],
) -> Vec<Finding> {
    let (ours, missing) = known.sort(&settings.datasets, tables);
    let mut findings = vec![known.count(&missing, settings.create_datasets)];
    findings.extend(axiom.deployment().and_then(|wanted| elsewhere(&ours, &wanted)));
    let most = known.most_fields.unwrap_or(FIELDS);
    let counted: Vec<_> = futures::stream::iter(&ours)
        .map(|dataset| async move {
            let fields = soon(axiom.look(&["v2", "datasets", &dataset.name, "fields"])).await;
            fields.map(|fields| (dataset.name.as_str(), fields.as_array().map_or(0, Vec::len) as u64))
        })
        .buffered(AT_ONCE)
        .collect()
        .await;
    findings.extend(fields(
        &counted.iter().filter_map(|counted| counted.as_ref().ok().copied()).collect::<Vec<_>>(),
        ours.len(),
        most,
    ));
    findings
}

impl Known {
    /// The datasets that tables go to, and the names of those that are not there. A table's own case stands in its rows alone, so a name is right in any case.
    fn sort(&self, rule: &DatasetRule, tables: &[String]) -> (Vec<Dataset>, Vec<String>) {
        let (mut ours, mut missing): (Vec<Dataset>, Vec<String>) = Default::default();
        for table in tables {
            let is_it = |dataset: &&Dataset| {
                let prefix = if let DatasetRule::PerTable { prefix, .. } = rule { prefix.as_str() } else { "" };
                dataset_for(rule, dataset.name.strip_prefix(prefix), table) == dataset.name
            };
            match self.datasets.iter().find(is_it) {
                Some(dataset) if ours.iter().any(|known| known.name == dataset.name) => {}
                Some(dataset) => ours.push(dataset.clone()),
                None => missing.push(dataset_for(rule, None, table)),
            }
        }
        missing.sort();
        missing.dedup();
        (ours, missing)
    }

    /// Whether there is room for those that are missing.
    fn count(&self, missing: &[String], create: bool) -> Finding {
        let there = self.datasets.len() as u64;
        let said = match self.most_datasets {
            Some(most) => format!("{there} of {most} datasets"),
            None => format!("{there} datasets (how many there may be is not shown to this token)"),
        };
        let names: Vec<_> = missing.iter().map(String::as_str).collect();
        let lacks = format!("{said}; not there: {}", some(&names));
        let left = self.most_datasets.map_or(u64::MAX, |most| most.saturating_sub(there));
        let room = "delete datasets that nobody needs, have the limit raised, or send tables to one dataset (AXIOM_DATASET, AXIOM_DATASET_MAP)";
        match (missing.len() as u64, create) {
            (0, _) if left == 0 => Finding::warning(AREA, format!("{said}: the limit is reached"), room),
            (0, _) => Finding::ok(AREA, said),
            (wanted, true) if wanted > left => Finding::failed(AREA, format!("{lacks}: the limit is reached"), room),
            (_, true) => Finding::ok(AREA, format!("{lacks} (made with their first rows, where the token may)")),
            (_, false) => Finding::failed(AREA, lacks, "create them in Axiom, or set AXIOM_CREATE_DATASETS to true"),
        }
    }
}

/// Datasets that live in another edge deployment than rows go to. Axiom names deployments by id or by domain.
fn elsewhere(ours: &[Dataset], wanted: &str) -> Option<Finding> {
    let region = |name: &str| name.trim_start_matches("cloud.").trim_end_matches(".edge.axiom.co").to_owned();
    let away: Vec<_> = ours
        .iter()
        .filter_map(|dataset| Some((dataset, dataset.edge_deployment.as_deref().filter(|name| !name.is_empty())?)))
        .filter(|(_, deployment)| region(deployment) != region(wanted))
        .collect();
    let (_, first) = away.first()?;
    let names: Vec<_> = away.iter().map(|(dataset, _)| dataset.name.as_str()).collect();
    let said = format!("rows go to the edge deployment {wanted}, and these datasets live in {first}: {}", some(&names));
    Some(Finding::failed(AREA, said, format!("set AXIOM_EDGE to {}.edge.axiom.co", region(first))))
}

/// Datasets that come near the limit of fields: at it, whole rows are refused.
fn fields(counted: &[(&str, u64)], all: usize, most: u64) -> Option<Finding> {
    let near: Vec<_> = counted.iter().filter(|(_, fields)| fields * 10 >= most * 9).collect();
    let names: Vec<_> = near.iter().map(|(name, fields)| format!("{name} has {fields}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let advice = "vacuum the dataset, or make columns with many keys map fields (Axiom, Datasets): a row with a field too many is refused";
    if !near.is_empty() {
        let full = near.iter().any(|(_, fields)| *fields >= most);
        let said = format!("of at most {most} fields {}", some(&names));
        return Some(if full { Finding::failed(AREA, said, advice) } else { Finding::warning(AREA, said, advice) });
    }
    (counted.len() < all).then(|| {
        let said = "how many fields the datasets have is not shown to this token";
        Finding::unknown(AREA, said, format!("look in Axiom: there may be {most}"))
    })
}

#[cfg(test)]
mod tests {
    use super::super::finding::Mark;
    use super::*;

    fn known(names: &[&str], most_datasets: Option<u64>) -> Known {
        let datasets = names.iter().map(|name| Dataset { name: (*name).to_owned(), edge_deployment: None }).collect();
        Known { datasets, most_datasets, most_fields: None }
    }

    #[test]
    fn datasets_are_found_in_the_case_of_their_rows() {
        let rule = |prefix: &str| DatasetRule::PerTable {
            prefix: prefix.to_owned(),
            map: [("syslog".to_owned(), "linux".to_owned())].into(),
        };
        let tables = ["signinlogs", "mylog-cl", "syslog"].map(str::to_owned);
        let check = |rule: DatasetRule, names: &[&str], missing: &[&str]| {
            assert_eq!(known(names, None).sort(&rule, &tables).1, missing, "{rule:?} {names:?}");
        };
        check(rule(""), &["SigninLogs", "MyLog_CL", "linux"], &[]);
        check(rule("s-"), &["s-SigninLogs", "MyLog_CL", "linux"], &["s-mylog-cl"]);
        check(rule(""), &["Syslog"], &["linux", "mylog-cl", "signinlogs"]);
        check(DatasetRule::One("all".to_owned()), &["other"], &["all"]);
        check(DatasetRule::One("all".to_owned()), &["all"], &[]);
    }

    #[test]
    fn limits_count_what_is_still_to_be_made() {
        let missing = ["a".to_owned(), "b".to_owned()];
        let check = |most, missing: &[String], create, mark| {
            let found = known(&["x", "y"], most).count(missing, create);
            assert_eq!(found.mark, mark, "{found:?}");
        };
        check(Some(4), &missing, true, Mark::Ok);
        check(Some(3), &missing, true, Mark::Failed);
        check(Some(2), &[], true, Mark::Warning);
        check(None, &missing, true, Mark::Ok);
        check(Some(100), &missing, false, Mark::Failed);
        assert_eq!(fields(&[("a", 921)], 1, 1024), None);
        assert_eq!(fields(&[("a", 922)], 1, 1024).map(|found| found.mark), Some(Mark::Warning));
        assert_eq!(fields(&[("a", 1024), ("b", 3)], 2, 1024).map(|found| found.mark), Some(Mark::Failed));
        assert_eq!(fields(&[], 1, 1024).map(|found| found.mark), Some(Mark::Unknown));
    }

    #[test]
    fn deployments_are_told_apart_by_id_and_by_domain() {
        let at = |deployment: &str| Dataset { name: "a".to_owned(), edge_deployment: Some(deployment.to_owned()) };
        let wanted = "cloud.eu-central-1.aws";
        for deployment in ["cloud.eu-central-1.aws", "eu-central-1.aws.edge.axiom.co", ""] {
            assert_eq!(elsewhere(&[at(deployment)], wanted), None, "{deployment}");
        }
        let found = elsewhere(&[at("cloud.us-east-1.aws")], wanted).unwrap();
        assert!(found.mark == Mark::Failed && found.advice.contains("us-east-1.aws.edge.axiom.co"), "{found:?}");
    }
}
