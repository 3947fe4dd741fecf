//! A storage account: whether it answers, what it is, and what we may do in it.

use time::OffsetDateTime;

use super::finding::Finding;
use super::trouble::{Trouble, Whose, soon};
use crate::azure::{Blobs, Deleted};

/// An account that is looked at.
#[derive(Clone, Copy)]
pub(super) struct Account<'a> {
    /// What findings call it.
    pub(super) area: &'static str,
    /// For advice.
    pub(super) whose: Whose,
    /// Its blobs.
    pub(super) blobs: &'a Blobs,
}

/// A first look at an account.
pub(super) struct Reached {
    /// What it says of itself.
    pub(super) findings: Vec<Finding>,
    /// Whether it is of use to try more.
    pub(super) open: bool,
    /// This machine's clock and the account's, at the same moment.
    pub(super) clocks: Option<(OffsetDateTime, OffsetDateTime)>,
}

impl Account<'_> {
    /// A finding about something that storage did not do.
    pub(super) fn failed(&self, doing: &str, trouble: &Trouble) -> Finding {
        Finding::failed(self.area, format!("{doing}: {}", trouble.said()), trouble.advice(self.whose))
    }

    /// Asks the account what it is.
    pub(super) async fn reach(&self) -> Reached {
        let answer = soon(self.blobs.account()).await;
        let here = OffsetDateTime::now_utc();
        let served = match &answer {
            Ok(facts) => facts.served,
            Err(Trouble::Storage(error)) => error.served(),
            Err(Trouble::Late) => None,
        };
        let clocks = served.map(|served| (here, served));
        let (findings, open) = match answer {
            Ok(facts) => (self.kind(&facts.kind, &facts.sku, facts.hierarchical), true),
            // Roles for data do not always allow this one question, and say nothing about the others.
            Err(trouble) if trouble.is_missing_right() => {
                let said = format!("it answers, and does not show its kind ({})", trouble.said());
                (vec![Finding::unknown(self.area, said, "the role Reader on the account would show it")], true)
            }
            Err(trouble) => (vec![self.failed("it cannot be reached", &trouble)], false),
        };
        Reached { findings, open, clocks }
    }

    /// What follows from the account's kind: "Log Analytics workspace data export" (no premium accounts), "Azure Blob Storage as an Event Grid source" (no
    /// events from `Storage`).
    fn kind(&self, kind: &str, sku: &str, hierarchical: bool) -> Vec<Finding> {
        let said = format!("{kind}, {sku}");
        let first = match kind {
            "Storage" => {
                let advice = "upgrade it to StorageV2: this kind raises no events, so that blobs wait for the sweep";
                Finding::warning(self.area, said, advice)
            }
            _ if sku.starts_with("Premium") || kind == "FileStorage" => Finding::failed(
                self.area,
                said,
                "take a StorageV2 account of a standard kind: data export does not write to premium ones",
            ),
            _ => Finding::ok(self.area, said),
        };
        let mut findings = vec![first];
        if hierarchical {
            findings.push(Finding::warning(
                self.area,
                "it has a hierarchical namespace",
                "take an account without one: events differ there, and this program was not made for it",
            ));
        }
        findings
    }

    /// What becomes of blobs that are deleted. `asked` is what the account's properties say, where they may be read; `seen` is how the blob of our own went.
    pub(super) fn soft_delete(&self, asked: Option<Option<i32>>, seen: Deleted) -> Finding {
        let advice = "turn soft delete for blobs off: every delivered blob would be kept and billed on";
        match (asked, seen) {
            (Some(Some(days)), _) => {
                Finding::warning(self.area, format!("soft delete keeps deleted blobs for {days} days"), advice)
            }
            (None, Deleted::Softly) => Finding::warning(self.area, "soft delete keeps deleted blobs", advice),
            (Some(None), _) | (None, Deleted::ForGood) => Finding::ok(self.area, "soft delete for blobs is off"),
            (None, Deleted::Unsaid) => {
                let advice = "look at the account's data protection in the portal";
                Finding::unknown(self.area, "whether soft delete for blobs is on is not shown", advice)
            }
        }
    }
}
