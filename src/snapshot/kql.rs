//! The queries that snapshots ask. Pure.

use super::kind::{Kind, Severity};
use crate::loganalytics::kql::{Part, WHOLE};

/// The records of a kind, of these severities where any are given, in a part of the whole.
///
/// The hash is that of the id, whose case does not matter in Azure: so Microsoft's own "Guidance for pagination" cuts a result that changes while it is read.
/// They come by id, so that two snapshots of the same state are the same.
pub(super) fn query(kind: Kind, severities: &[Severity], part: Part) -> String {
    let facts = kind.facts();
    let mut kql = format!("securityresources\n| where type =~ '{}'", facts.resource_type);
    if !severities.is_empty() {
        let words: Vec<_> = severities.iter().map(|severity| format!("'{}'", severity.word())).collect();
        let words = words.join(", ");
        let places: Vec<_> = facts.severity.iter().map(|path| format!("tostring({path}) in~ ({words})")).collect();
        kql += &format!("\n| where {}", places.join(" or "));
    }
    if part != WHOLE {
        kql += &format!("\n| where hash(tolower(id), {}) == {}", part.of, part.index);
    }
    kql + "\n| order by id asc"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries() {
        assert_eq!(
            query(Kind::Recommendations, &[], WHOLE),
            "securityresources\n| where type =~ 'microsoft.security/assessments'\n| order by id asc"
        );
        assert_eq!(
            query(Kind::Alerts, &[Severity::High, Severity::Low], Part { index: 2, of: 5 }),
            "securityresources\n| where type =~ 'microsoft.security/locations/alerts'\
             \n| where tostring(properties.Severity) in~ ('high', 'low') or tostring(properties.severity) in~ ('high', 'low')\
             \n| where hash(tolower(id), 5) == 2\n| order by id asc"
        );
    }
}
