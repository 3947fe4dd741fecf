//! Whether this machine's clock agrees with that of storage. The sweep judges by it which blobs are settled and which claims have run out.

use time::{Duration, OffsetDateTime};

use super::finding::Finding;

const AREA: &str = "clock";

/// Beyond this somebody should look. A `Date` has whole seconds, and an answer takes a while.
const NOTICED: Duration = Duration::seconds(30);

/// Beyond this it does harm: shared access signatures and tokens begin and end by the clock, and Azure Storage itself allows 15 minutes ("Authorize with
/// Shared Key").
const HARMFUL: Duration = Duration::minutes(5);

/// Compares; `served` is what a storage service's answer said when it was `here` on this machine.
pub(super) fn clock(times: Option<(OffsetDateTime, OffsetDateTime)>) -> Finding {
    let Some((here, served)) = times else {
        return Finding::unknown(AREA, "no storage account answers, so there is nothing to compare with", "");
    };
    let off = here - served;
    let seconds = off.whole_seconds();
    let said = format!("{} s {} storage", seconds.abs(), if seconds < 0 { "behind" } else { "ahead of" });
    let advice = "set this machine's clock by NTP: blobs count as settled, and signatures and tokens as good, by it";
    match off.abs() {
        off if off > HARMFUL => Finding::failed(AREA, said, advice),
        off if off > NOTICED => Finding::warning(AREA, said, advice),
        _ => Finding::ok(AREA, said),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Mark;
    use super::*;

    #[test]
    fn seconds_are_nothing_and_minutes_do_harm() {
        let check = |seconds, mark, words: &str| {
            let here = OffsetDateTime::UNIX_EPOCH + Duration::seconds(seconds);
            let found = clock(Some((here, OffsetDateTime::UNIX_EPOCH)));
            assert!(found.mark == mark && found.said.starts_with(words), "{seconds}: {found:?}");
        };
        check(2, Mark::Ok, "2 s ahead of");
        check(-31, Mark::Warning, "31 s behind");
        check(301, Mark::Failed, "301 s ahead of");
        check(-3600, Mark::Failed, "3600 s behind");
        assert_eq!(clock(None).mark, Mark::Unknown);
    }
}
