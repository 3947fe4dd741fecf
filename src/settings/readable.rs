//! The settings as far as they make sense, for `check`, which goes on with whatever can be tried.

use std::time::Duration;

use super::problem::Problem;
use super::reader::Reader;
use super::{
    AfterDelivery, AxiomSettings, LogAnalyticsSettings, PullSettings, Settings, Storage, TableFilter, axiom,
    log_analytics, pulls, storage,
};

/// What could be read, and everything that is wrong. A part is none where a problem keeps it from being read; one that was read may have a problem, too.
#[derive(Clone, Debug)]
pub struct Readable {
    /// All problems, as [`Settings::read`] reports them.
    pub problems: Vec<Problem>,
    /// The Axiom side.
    pub axiom: Option<AxiomSettings>,
    /// The account that data export writes to.
    pub export: Option<Storage>,
    /// The host's account.
    pub host_storage: Option<Storage>,
    /// The workspace; none also where none is set.
    pub log_analytics: Option<LogAnalyticsSettings>,
    /// What is pulled by queries.
    pub pulls: Option<PullSettings>,
    /// Name of the queue that Event Grid and the sweep write to.
    pub work_queue: String,
    /// Quiet time before a shipped append blob is deleted.
    pub settle_after: Option<Duration>,
    /// What becomes of a blob that is delivered in full.
    pub after_delivery: Option<AfterDelivery>,
    /// Which tables are shipped.
    pub tables: TableFilter,
}

impl Readable {
    /// Reads what can be read of the variables.
    pub fn read(vars: impl IntoIterator<Item = (String, String)>) -> Self {
        let vars: Vec<_> = vars.into_iter().collect();
        let problems = Settings::read(vars.clone()).err().map(|problems| problems.0).unwrap_or_default();
        let r = &mut Reader::new(vars);
        Self {
            problems,
            axiom: axiom::read(r),
            export: storage::read(r, "EXPORT_STORAGE", false),
            host_storage: storage::read(r, "AzureWebJobsStorage", true),
            log_analytics: log_analytics::read(r).flatten(),
            pulls: pulls::read(r),
            work_queue: r.storage_name("WORK_QUEUE"),
            settle_after: r.seconds("SETTLE_AFTER", super::SETTLE_AFTER),
            after_delivery: r.choice("AFTER_DELIVERY", &super::AFTER_DELIVERY),
            tables: TableFilter::read(r),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_sense_is_read_beside_what_does_not() {
        let vars = [
            ("AXIOM_TOKEN", "xapt-1"),
            ("EXPORT_STORAGE__accountName", "acct"),
            ("SETTLE_AFTER", "soon"),
            ("UPLOADS", "0"),
        ];
        let readable = Readable::read(vars.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let wrong: Vec<_> = readable.problems.iter().map(|problem| problem.setting.as_str()).collect();
        assert_eq!(wrong, ["AXIOM_ORG_ID", "AzureWebJobsStorage", "SETTLE_AFTER", "UPLOADS"]);
        assert!(readable.axiom.is_none() && readable.host_storage.is_none() && readable.settle_after.is_none());
        assert!(readable.export.is_some() && readable.log_analytics.is_none());
        assert_eq!(
            (readable.work_queue.as_str(), readable.after_delivery),
            ("blob-created", Some(AfterDelivery::Delete))
        );
    }
}
