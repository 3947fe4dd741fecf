//! What we know of a blob, kept on the blob itself. The only file that knows where that is: in the blob's metadata, so it comes free with
//! every look and listing, is changed atomically under `If-Match`, and vanishes with the blob.

use std::collections::BTreeMap;

use crate::azure::{Blobs, Outcome, Properties, StorageError};
use crate::batch::Span;
use crate::wake::ExportBlob;

const SHIPPED: &str = "axiom_shipped";
const CLAIM: &str = "axiom_claim";
const AHEAD: &str = "axiom_ahead";
const ROWS: &str = "axiom_rows";

/// Stretches remembered ahead of the offset. Metadata has 8 KiB in all; batches in flight lie side by side, so hardly more than two are ever needed.
const MOST_AHEAD: usize = 32;

/// How far a blob has been delivered, and who is at it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Marks {
    /// Bytes from the start that Axiom has acknowledged or that are set aside: a line boundary.
    pub shipped: u64,
    /// The visit that is at it, if any.
    pub claim: Option<Claim>,
    /// Stretches behind the offset that are settled all the same, in order: batches that Axiom took while it refused one before them. They are not
    /// sent again.
    pub ahead: Vec<Span>,
    /// Rows in Axiom of the stretches that are settled.
    pub rows: u64,
    /// Rows set aside of them.
    pub set_aside: u64,
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
        let counts = metadata.get(ROWS).and_then(|text| {
            let (rows, set_aside) = text.split_once('+')?;
            Some((rows.parse().ok()?, set_aside.parse().ok()?))
        });
        let (rows, set_aside) = counts.unwrap_or_default();
        let mut marks = Self { shipped, claim, ahead: Vec::new(), rows, set_aside };
        for span in metadata.get(AHEAD).map(|text| spans(text)).unwrap_or_default() {
            marks.keep_ahead(span);
        }
        marks
    }

    /// The marks as this visit sees them: its own claim, of which the answer was lost, is in nobody's way.
    #[must_use]
    pub fn seen_by(self, visit: &str) -> Self {
        Self { claim: self.claim.filter(|claim| claim.visit != visit), ..self }
    }

    /// The marks for shipping from this offset: those that were read, or none where they made no sense.
    #[must_use]
    pub fn from(self, offset: u64) -> Self {
        if self.shipped == offset { Self { claim: None, ..self } } else { Self { shipped: offset, ..Self::default() } }
    }

    /// Moves on over a stretch that is settled, and over those ahead that it reaches. Only in order: a stretch that does not begin where the last
    /// one ended is refused.
    #[must_use]
    pub fn advance(&mut self, span: Span) -> bool {
        let in_order = span.start == self.shipped && span.end >= span.start;
        if in_order {
            self.shipped = span.end;
            while let Some(next) = self.ahead.first().copied().filter(|next| next.start <= self.shipped) {
                self.shipped = self.shipped.max(next.end);
                self.ahead.remove(0);
            }
        }
        in_order
    }

    /// Remembers a settled stretch that the offset cannot reach yet. One that cannot be remembered will be sent again.
    pub fn keep_ahead(&mut self, span: Span) {
        if span.start <= self.shipped || span.end <= span.start {
            return;
        }
        let place = self.ahead.partition_point(|other| other.start < span.start);
        self.ahead.insert(place, span);
        self.ahead.dedup_by(|next, before| {
            let touch = next.start <= before.end;
            if touch {
                before.end = before.end.max(next.end);
            }
            touch
        });
        self.ahead.truncate(MOST_AHEAD);
    }

    /// What is not settled of the bytes up to `end`, in order.
    #[must_use]
    pub fn gaps(&self, end: u64) -> Vec<Span> {
        let starts = std::iter::once(self.shipped).chain(self.ahead.iter().map(|span| span.end));
        let ends = self.ahead.iter().map(|span| span.start.min(end)).chain([end]);
        starts.zip(ends).map(|(start, end)| Span { start, end }).filter(|span| span.start < span.end).collect()
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
        metadata.insert(ROWS.to_owned(), format!("{}+{}", self.rows, self.set_aside));
        match &self.claim {
            Some(claim) => metadata.insert(CLAIM.to_owned(), format!("{}@{}", claim.visit, claim.until)),
            None => metadata.remove(CLAIM),
        };
        let ahead: Vec<_> = self.ahead.iter().map(|span| format!("{}-{}", span.start, span.end)).collect();
        match ahead.is_empty() {
            true => metadata.remove(AHEAD),
            false => metadata.insert(AHEAD.to_owned(), ahead.join(",")),
        };
        blobs.set_metadata(blob.container(), blob.name(), &metadata, &properties.version).await
    }
}

/// Stretches as they stand in the metadata, `start-end,start-end`; none where one of them cannot be read.
fn spans(text: &str) -> Vec<Span> {
    let span = |part: &str| {
        let (start, end) = part.split_once('-')?;
        Some(Span { start: start.parse().ok()?, end: end.parse().ok()? })
    };
    text.split(',').map(span).collect::<Option<_>>().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(metadata: &[(&str, &str)], shipped: u64, claim: Option<(&str, i64)>) {
        let metadata = metadata.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let claim = claim.map(|(visit, until)| Claim { visit: visit.to_owned(), until });
        assert_eq!(Marks::read(&metadata), Marks { shipped, claim, ..Marks::default() }, "{metadata:?}");
    }

    #[test]
    fn what_cannot_be_read_counts_as_not_shipped_and_not_claimed() {
        check(&[], 0, None);
        check(&[("axiom_shipped", "12"), ("axiom_claim", "v1@99"), ("other", "x")], 12, Some(("v1", 99)));
        check(&[("axiom_shipped", "-1"), ("axiom_claim", "v1")], 0, None);
        check(&[("axiom_shipped", "1e3"), ("axiom_claim", "v1@soon")], 0, None);
        check(&[("axiom_shipped", "99999999999999999999999")], 0, None);
        for ahead in ["", "x", "5", "7-", "20-30,x", "30-20", "5-9", "12-20"] {
            check(&[("axiom_shipped", "12"), ("axiom_ahead", ahead)], 12, None);
        }
    }

    #[test]
    fn a_claim_is_in_the_way_of_others_only() {
        let marks = Marks::read(&[(CLAIM.to_owned(), "me@99".to_owned())].into());
        assert_eq!(marks.clone().seen_by("me").claim, None);
        assert_eq!(marks.clone().seen_by("other"), marks);
    }

    #[test]
    fn marks_move_in_order_only() {
        let mut marks = Marks { shipped: 5, ..Marks::default() };
        assert!(!marks.advance(Span { start: 6, end: 9 }));
        assert!(!marks.advance(Span { start: 0, end: 9 }));
        assert!(marks.advance(Span { start: 5, end: 9 }));
        assert_eq!(marks.shipped, 9);
    }

    fn span(start: u64, end: u64) -> Span {
        Span { start, end }
    }

    #[test]
    fn what_is_settled_ahead_is_stepped_over_and_never_read_again() {
        let mut marks = Marks { shipped: 10, ..Marks::default() };
        for (start, end) in [(30, 40), (20, 30), (60, 70), (5, 12), (50, 50)] {
            marks.keep_ahead(span(start, end));
        }
        assert_eq!(marks.ahead, [span(20, 40), span(60, 70)]);
        assert_eq!(marks.gaps(100), [span(10, 20), span(40, 60), span(70, 100)]);
        assert_eq!(marks.gaps(65), [span(10, 20), span(40, 60)]);
        assert_eq!(marks.gaps(15), [span(10, 15)]);
        assert!(marks.advance(span(10, 15)));
        assert_eq!((marks.shipped, marks.ahead.len()), (15, 2));
        assert!(marks.advance(span(15, 20)));
        assert_eq!((marks.shipped, marks.ahead.clone()), (40, vec![span(60, 70)]));
        assert!(marks.advance(span(40, 60)));
        assert_eq!((marks.shipped, marks.gaps(70)), (70, Vec::new()));
    }

    #[test]
    fn marks_survive_the_metadata() {
        let text = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let marks = Marks::read(&[text(SHIPPED, "10"), text(AHEAD, "20-30,40-50"), text(ROWS, "7+2")].into());
        assert_eq!(marks.ahead, [span(20, 30), span(40, 50)]);
        assert_eq!((marks.rows, marks.set_aside), (7, 2));
        assert_eq!(marks.clone().from(10), marks);
        assert_eq!(marks.from(0), Marks::default(), "an offset that is not believed takes all else with it");
    }

    #[test]
    fn the_metadata_stays_small() {
        let mut marks = Marks::default();
        (1..1000).for_each(|number| marks.keep_ahead(span(10 * number, 10 * number + 5)));
        assert_eq!(marks.ahead.len(), MOST_AHEAD);
    }
}
