//! What is to be done about a blob: the decisions of the protocol, pure. Sweep, visit and the model in `tests/model.rs` all ask here, so they
//! cannot drift apart.

use super::marks::Marks;

/// A blob as a look or a listing shows it. Times are seconds since 1970 UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// Length in bytes.
    pub length: u64,
    /// Last write of blob or metadata.
    pub modified: i64,
    /// The time at which this was seen.
    pub now: i64,
    /// True for an append blob.
    pub append: bool,
    /// Our marks on it.
    pub marks: Marks,
}

/// The settings that decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Seconds without a write after which an append blob counts as settled.
    pub settle_after: i64,
    /// Delete what is settled and delivered.
    pub delete: bool,
}

/// What to do about a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Plan {
    /// Nothing now.
    Leave(Leave),
    /// Deliver what stands from this byte on.
    Ship {
        /// First byte that is not delivered.
        from: u64,
        /// The blob is settled: a last line without an end is a line.
        settled: bool,
    },
    /// Everything is delivered and the blob is settled: delete it.
    Delete,
}

/// Why a blob is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Leave {
    /// Another visit is at it.
    Claimed,
    /// All is delivered, and more may come.
    Growing,
    /// What is not delivered is an unfinished line, and its rest may come.
    Unfinished,
    /// All is delivered and blobs are kept.
    Kept,
}

/// Decides from one look. An append blob that was written to lately may grow; any other blob is finished when it is created.
#[must_use]
pub fn plan(view: &View, policy: Policy) -> Plan {
    if view.marks.claim.as_ref().is_some_and(|claim| claim.until > view.now) {
        return Plan::Leave(Leave::Claimed);
    }
    let settled = !view.append || view.now - view.modified >= policy.settle_after;
    // Marks beyond the end are not ours to believe: from the start again, duplicates over loss.
    let shipped = if view.marks.shipped > view.length { 0 } else { view.marks.shipped };
    match (shipped < view.length, settled, policy.delete) {
        (true, ..) => Plan::Ship { from: shipped, settled },
        (false, false, _) => Plan::Leave(Leave::Growing),
        (false, true, false) => Plan::Leave(Leave::Kept),
        (false, true, true) => Plan::Delete,
    }
}

/// Whether a visit that found the blob settled, and has delivered up to `shipped` of the `length` it saw, may delete it: under `If-Match` on
/// the version of that length.
#[must_use]
pub fn may_delete(shipped: u64, length: u64, settled: bool, policy: Policy) -> bool {
    policy.delete && settled && shipped == length
}

/// What a visit finds when its conditional write was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Conflict {
    /// The blob grew: take the new version and write again.
    Ours,
    /// The write was ours, and only its answer was lost: take the new version and go on.
    Done,
    /// Another visit has taken the claim: stop at once, write nothing.
    Taken,
    /// It is another blob of the same name: stop at once, write nothing.
    Replaced,
}

/// Decides after a refused write of the marks `wanted` by the visit `me` on the blob created at `created`, from a new look.
#[must_use]
pub fn after_conflict(me: &str, created: i64, created_now: i64, marks: &Marks, wanted: &Marks) -> Conflict {
    if created != created_now {
        Conflict::Replaced
    } else if marks == wanted {
        Conflict::Done
    } else if marks.claim.as_ref().is_some_and(|claim| claim.visit == me) {
        Conflict::Ours
    } else {
        Conflict::Taken
    }
}

#[cfg(test)]
mod tests {
    use super::super::marks::Claim;
    use super::*;

    const POLICY: Policy = Policy { settle_after: 600, delete: true };

    fn view(length: u64, shipped: u64, age: i64, claim_left: Option<i64>, append: bool) -> View {
        let claim = claim_left.map(|left| Claim { visit: "other".into(), until: 10_000 + left });
        View {
            length,
            modified: 10_000 - age,
            now: 10_000,
            append,
            marks: Marks { shipped, claim, ..Marks::default() },
        }
    }

    #[test]
    fn decides_from_one_look() {
        let check = |view: View, expected| assert_eq!(plan(&view, POLICY), expected, "{view:?}");
        let ship = |from, settled| Plan::Ship { from, settled };
        check(view(10, 0, 0, None, true), ship(0, false));
        check(view(10, 4, 599, None, true), ship(4, false));
        check(view(10, 4, 600, None, true), ship(4, true));
        check(view(10, 4, 0, None, false), ship(4, true));
        check(view(10, 11, 0, None, true), ship(0, false));
        check(view(10, 10, 599, None, true), Plan::Leave(Leave::Growing));
        check(view(10, 10, 600, None, true), Plan::Delete);
        check(view(0, 0, 0, None, true), Plan::Leave(Leave::Growing));
        check(view(0, 0, 600, None, true), Plan::Delete);
        check(view(10, 0, 9999, Some(1), true), Plan::Leave(Leave::Claimed));
        check(view(10, 0, 0, Some(0), true), ship(0, false));
        let keep = Policy { delete: false, ..POLICY };
        assert_eq!(plan(&view(10, 10, 600, None, true), keep), Plan::Leave(Leave::Kept));
        assert!(!may_delete(10, 10, true, keep));
    }

    #[test]
    fn deletes_only_what_is_settled_and_delivered_to_the_end() {
        assert!(may_delete(10, 10, true, POLICY));
        assert!(!may_delete(9, 10, true, POLICY));
        assert!(!may_delete(10, 10, false, POLICY));
    }

    #[test]
    fn a_refused_write_stops_the_visit_unless_the_claim_is_still_its_own() {
        let claimed = |visit: &str| Marks { claim: Some(Claim { visit: visit.into(), until: 0 }), ..Marks::default() };
        let commit = Marks { shipped: 7, ..claimed("me") };
        let release = Marks { shipped: 7, ..Marks::default() };
        let check = |created_now, marks: &Marks, wanted: &Marks, expected| {
            assert_eq!(after_conflict("me", 1, created_now, marks, wanted), expected, "{marks:?} {wanted:?}");
        };
        // An expired claim that nobody took is still ours.
        check(1, &claimed("me"), &commit, Conflict::Ours);
        check(1, &claimed("me"), &release, Conflict::Ours);
        check(1, &commit, &commit, Conflict::Done);
        check(1, &release, &release, Conflict::Done);
        check(1, &claimed("other"), &commit, Conflict::Taken);
        check(1, &Marks::default(), &commit, Conflict::Taken);
        check(1, &Marks::default(), &release, Conflict::Taken);
        check(2, &claimed("me"), &commit, Conflict::Replaced);
        check(2, &release, &release, Conflict::Replaced);
    }
}
