//! What we know of a blob, kept on the blob itself. The only file that knows where that is: in the blob's metadata, so it comes free with
//! every look and listing, is changed atomically under `If-Match`, and vanishes with the blob.

use std::collections::BTreeMap;

use crate::azure::{Blobs, Outcome, Properties, StorageError};
use crate::batch::Span;
use crate::wake::ExportBlob;

const SHIPPED: &str = "axiom_shipped";
const CLAIM: &str = "axiom_claim";

/// How far a blob has been delivered, and who is at it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Marks {
    /// Bytes from the start that Axiom has acknowledged or that are set aside: a line boundary.
    pub shipped: u64,
    /// The visit that is at it, if any.
    pub claim: Option<Claim>,
}

/// A visit's claim on a blob. It needs no release: it ends by itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Claim {
    /// The visit.
    pub visit: String,
    /// When it ends, in seconds since 1970 UTC, by the storage service's clock.
    pub until: i64,
}

impl Marks {
    /// Reads the marks. What cannot be read counts as nothing shipped and nobody there: a duplicate rather than a loss.
    #[must_use]
    pub fn read(metadata: &BTreeMap<String, String>) -> Self {
        let shipped = metadata.get(SHIPPED).and_then(|text| text.parse().ok()).unwrap_or(0);
        let claim = metadata.get(CLAIM).and_then(|text| {
            let (visit, until) = text.split_once('@')?;
            Some(Claim { visit: visit.to_owned(), until: until.parse().ok()? })
        });
        Self { shipped, claim }
    }

    /// The marks as this visit sees them: its own claim, of which the answer was lost, is in nobody's way.
    #[must_use]
    pub fn seen_by(self, visit: &str) -> Self {
        Self { claim: self.claim.filter(|claim| claim.visit != visit), ..self }
    }

    /// Moves on over a stretch that is settled. Only in order: a stretch that does not begin where the last one ended is refused.
    #[must_use]
    pub fn advance(&mut self, span: Span) -> bool {
        let in_order = span.start == self.shipped && span.end >= span.start;
        if in_order {
            self.shipped = span.end;
        }
        in_order
    }

    /// Writes the marks to the blob if it is still as `properties` say, and leaves all other metadata as it is.
    ///
    /// # Errors
    /// As [`Blobs::set_metadata`].
    pub async fn store(
        &self,
        blobs: &Blobs,
        blob: &ExportBlob,
        properties: &Properties,
    ) -> Result<Outcome, StorageError> {
        let mut metadata = properties.metadata.clone();
        metadata.insert(SHIPPED.to_owned(), self.shipped.to_string());
        match &self.claim {
            Some(claim) => metadata.insert(CLAIM.to_owned(), format!("{}@{}", claim.visit, claim.until)),
            None => metadata.remove(CLAIM),
        };
        blobs.set_metadata(blob.container(), blob.name(), &metadata, &properties.version).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(metadata: &[(&str, &str)], shipped: u64, claim: Option<(&str, i64)>) {
        let metadata = metadata.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let claim = claim.map(|(visit, until)| Claim { visit: visit.to_owned(), until });
        assert_eq!(Marks::read(&metadata), Marks { shipped, claim }, "{metadata:?}");
    }

    #[test]
    fn what_cannot_be_read_counts_as_not_shipped_and_not_claimed() {
        check(&[], 0, None);
        check(&[("axiom_shipped", "12"), ("axiom_claim", "v1@99"), ("other", "x")], 12, Some(("v1", 99)));
        check(&[("axiom_shipped", "-1"), ("axiom_claim", "v1")], 0, None);
        check(&[("axiom_shipped", "1e3"), ("axiom_claim", "v1@soon")], 0, None);
        check(&[("axiom_shipped", "99999999999999999999999")], 0, None);
    }

    #[test]
    fn a_claim_is_in_the_way_of_others_only() {
        let marks = Marks::read(&[(CLAIM.to_owned(), "me@99".to_owned())].into());
        assert_eq!(marks.clone().seen_by("me").claim, None);
        assert_eq!(marks.clone().seen_by("other"), marks);
    }

    #[test]
    fn marks_move_in_order_only() {
        let mut marks = Marks { shipped: 5, claim: None };
        assert!(!marks.advance(Span { start: 6, end: 9 }));
        assert!(!marks.advance(Span { start: 0, end: 9 }));
        assert!(marks.advance(Span { start: 5, end: 9 }));
        assert_eq!(marks.shipped, 9);
    }
}
