//! The workspace that history and pulls ask, and the pulls that are written down.

use super::finding::Finding;
use super::trouble::SOON;
use crate::loganalytics::explore::NONE;
use crate::loganalytics::{LogAnalytics, Plan};
use crate::pulls::pull::{Pull, Source};
use crate::pulls::{PullsError, written_down};
use crate::query::AskError;
use crate::report::chain;
use crate::settings::{Identity, LogAnalyticsSettings, PullSettings};

pub(super) const AREA: &str = "log analytics";
const PULLS: &str = "pulls";

/// Asks the workspace for no row of a table that each has.
pub(super) async fn workspace(settings: &LogAnalyticsSettings, identity: Identity) -> Finding {
    let advice = "give the identity the role Log Analytics Reader on the workspace, and compare LOG_ANALYTICS_WORKSPACE with its id";
    let asked = match LogAnalytics::connect(settings, identity) {
        Ok(workspace) => {
            tokio::time::timeout(SOON, async { workspace.ask("Usage | take 0", NONE, Plan::Analytics).await }).await
        }
        Err(error) => return Finding::failed(AREA, chain(&error), advice),
    };
    let answers = || Finding::ok(AREA, "the workspace answers queries");
    match asked {
        Ok(Ok(_)) => answers(),
        // Whoever is told that there is no such table has the right to ask.
        Ok(Err(AskError::Refused { error, .. })) if error.cause().message.contains("Failed to resolve table") => {
            answers()
        }
        Ok(Err(error)) => Finding::failed(AREA, chain(&error), advice),
        Err(_) => {
            let said = format!("no answer within {} s", SOON.as_secs());
            Finding::failed(AREA, said, "see that the network lets us out to LOG_ANALYTICS_URL")
        }
    }
}

/// Reads the pulls, if there are any.
pub(super) fn pulls(settings: Option<&PullSettings>) -> (Option<Finding>, Vec<Pull>) {
    match written_down(settings.and_then(|settings| settings.pulls.as_ref())) {
        Ok(pulls) => {
            let hunting = pulls.iter().filter(|pull| asks_hunting(pull)).count();
            let said = format!("{} pulls, {hunting} of them from advanced hunting", pulls.len());
            (Some(Finding::ok(PULLS, said)), pulls)
        }
        Err(PullsError::None) => (None, Vec::new()),
        Err(error) => {
            let advice = "mend the file; until then nothing is pulled, and exported rows are shipped all the same";
            (Some(Finding::failed(PULLS, chain(&error), advice)), Vec::new())
        }
    }
}

/// Whether a pull asks advanced hunting.
pub(super) fn asks_hunting(pull: &Pull) -> bool {
    pull.source == Source::Hunting
}
