//! The state of the world: the blob and its service, the writer, the queue, Axiom, and what a visit holds in memory.
//!
//! Everything is relative, so that the state space is finite: times are ticks from now, a version is "the one that the blob has now", a creation time is
//! "that of the blob there is now". Bytes are numbered in the order in which they are written, two to a row: the second one ends the line.

use sentinel_axiom::batch::Span;
use sentinel_axiom::source::marks::{Claim, Marks};
use sentinel_axiom::source::plan::{Policy, View};

/// Bytes that can be written.
const BYTES: usize = 6;
/// Quiet ticks after which the blob counts as settled.
pub(crate) const SETTLE: i64 = 2;
/// Ticks that a claim holds.
pub(crate) const CLAIM: i64 = 1;
/// Batches of one visit that are under way at once.
pub(crate) const UPLOADS: usize = 2;
/// The policy under which the program decides.
pub(crate) const POLICY: Policy = Policy { settle_after: SETTLE, delete: true };

/// A rule that the model breaks, to see that this is noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mutant {
    DeleteWithoutIfMatch,
    CommitBeforeAcknowledgement,
    NoCreationTime,
    UnknownIsDelivered,
    ClaimWithoutIfMatch,
    NoSweep,
    RecordNamedByItsStart,
    ForgetAhead,
}

/// What must never happen and shows only in the step itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Flaw {
    /// Bytes were deleted that are neither in Axiom nor set aside.
    Deleted,
    /// The offset of a blob went back.
    Back,
    /// A batch was settled before the one in front of it, which had not failed.
    Gap,
    /// A visit sent bytes of a blob that is not the one it claimed.
    Foreign,
}

/// The blob.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Blob {
    /// Number of its first byte among all bytes ever written.
    pub(crate) first: u8,
    /// Length in bytes.
    pub(crate) length: u8,
    /// Ticks since its last write; not counted beyond [`SETTLE`].
    pub(crate) quiet: i64,
    /// Its metadata. A claim's time is in ticks from now.
    pub(crate) marks: Marks,
}

/// How far a batch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// Cut, not sent.
    Cut,
    /// Sent, not answered.
    Sent,
    /// Answered: taken, or set aside.
    Settled,
    /// Answered: not now.
    Refused,
}

/// One line on its way: the model's batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Batch {
    pub(crate) start: u8,
    pub(crate) end: u8,
    /// Number of its first byte among all bytes ever written.
    pub(crate) byte: u8,
    pub(crate) stage: Stage,
    /// Read from a blob that is not the one that was looked at.
    pub(crate) foreign: bool,
}

/// Where a visit stands: the operation that it does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Step {
    Look,
    DeleteSeen,
    LookAfterDeleteSeen,
    ReadFirst,
    Claim,
    Ship,
    Commit,
    LookAfterCommit,
    FinishDelete,
    LookAfterFinishDelete,
    Release { failed: bool },
    LookAfterRelease { failed: bool },
    Idle,
}

/// What a visit holds in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Visit {
    pub(crate) step: Step,
    /// Looks so far.
    pub(crate) looks: u8,
    /// The version that it knows is the blob's.
    pub(crate) current: bool,
    /// The blob that it looked at is the one there is now.
    pub(crate) same: bool,
    /// The length that it knows.
    pub(crate) length: u8,
    pub(crate) settled: bool,
    /// The offset that it holds, stored or not.
    pub(crate) shipped: u8,
    /// Bytes of the blob that it holds for settled ahead of the offset, a bit each.
    pub(crate) ahead: u8,
    /// A batch failed: nothing new is begun.
    pub(crate) failed: bool,
    /// Where it reads next, and up to where.
    pub(crate) next: u8,
    pub(crate) end: u8,
    /// More is to be read.
    pub(crate) more: bool,
    pub(crate) under_way: [Option<Batch>; UPLOADS],
}

/// No visit.
pub(crate) const IDLE: Visit = Visit {
    step: Step::Idle,
    looks: 0,
    current: false,
    same: false,
    length: 0,
    settled: false,
    shipped: 0,
    ahead: 0,
    failed: false,
    next: 0,
    end: 0,
    more: false,
    under_way: [None; UPLOADS],
};

/// Everything.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct World {
    pub(crate) blob: Option<Blob>,
    /// Bytes written so far.
    pub(crate) written: u8,
    /// Bytes in Axiom, a bit each.
    pub(crate) axiom: u8,
    /// Bytes set aside, a bit each, by the first byte of the batch: each batch has a record of its own.
    pub(crate) aside: [u8; BYTES],
    /// Something on the queue. All messages say the same (look at this blob), so their number and order do not matter.
    pub(crate) message: bool,
    pub(crate) visits: [Visit; 2],
    /// Faults that may still happen.
    pub(crate) faults: u8,
    /// Faults so far that excuse duplicates.
    pub(crate) excuses: u8,
    /// Batches that Axiom took once more.
    pub(crate) duplicates: u8,
    pub(crate) flaw: Option<Flaw>,
}

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    /// Refused: 412 or 404. Also what a repeat sees after the answer was lost.
    Refused,
}

/// Name of a visit, as it stands in a claim.
pub(crate) fn name(visit: usize) -> &'static str {
    ["a", "b"][visit]
}

/// Name of all visits that are no more.
const DEAD: &str = "dead";

impl World {
    /// Before anything was written.
    pub(crate) fn new(faults: u8) -> Self {
        Self {
            blob: None,
            written: 0,
            axiom: 0,
            aside: [0; BYTES],
            message: false,
            visits: [IDLE; 2],
            faults,
            excuses: 0,
            duplicates: 0,
            flaw: None,
        }
    }

    /// True for a byte that is in Axiom or set aside.
    pub(crate) fn is_settled(&self, byte: u8) -> bool {
        (self.axiom | self.set_aside()) & (1 << byte) != 0
    }

    /// All bytes set aside.
    pub(crate) fn set_aside(&self) -> u8 {
        self.aside.iter().fold(0, |all, bits| all | bits)
    }

    /// What a look or a listing shows.
    pub(crate) fn view(&self) -> Option<View> {
        let blob = self.blob.as_ref()?;
        let (length, modified) = (u64::from(blob.length), -blob.quiet);
        Some(View { length, modified, now: 0, append: true, marks: blob.marks.clone() })
    }

    /// The writer makes the blob.
    pub(crate) fn create(&mut self) {
        self.blob = Some(Blob { first: self.written, length: 0, quiet: 0, marks: Marks::default() });
        self.message = true;
    }

    /// The writer appends, whatever else happens to the blob: no condition.
    pub(crate) fn append(&mut self, bytes: u8) {
        let blob = self.blob.as_mut().expect("an action for a blob that is there");
        blob.length += bytes;
        blob.quiet = 0;
        self.written += bytes;
        self.nobody_is_current();
    }

    fn nobody_is_current(&mut self) {
        for visit in &mut self.visits {
            visit.current = false;
        }
    }

    /// A visit stores marks. With `lost`, it is done but the answer is not heard; the repeat is refused.
    pub(crate) fn set_marks(&mut self, visit: usize, claim: bool, if_match: bool, lost: bool) -> Outcome {
        let Some(blob) = &mut self.blob else { return Outcome::Refused };
        if if_match && !self.visits[visit].current {
            return Outcome::Refused;
        }
        let Marks { shipped, ahead, .. } = self.visits[visit].marks();
        // Only after marks that make no sense may an offset begin again, and there are none such here.
        if shipped < blob.marks.shipped {
            self.flaw = Some(Flaw::Back);
        }
        let claim = claim.then(|| Claim { visit: name(visit).to_owned(), until: CLAIM });
        blob.marks = Marks { shipped, claim, ahead, ..Marks::default() };
        blob.quiet = 0;
        self.nobody_is_current();
        self.visits[visit].current = !lost;
        if lost { Outcome::Refused } else { Outcome::Done }
    }

    /// A visit deletes the blob.
    pub(crate) fn delete(&mut self, visit: usize, if_match: bool, lost: bool) -> Outcome {
        let Some(blob) = &self.blob else { return Outcome::Refused };
        if if_match && !self.visits[visit].current {
            return Outcome::Refused;
        }
        if (blob.first..blob.first + blob.length).any(|byte| !self.is_settled(byte)) {
            self.flaw = Some(Flaw::Deleted);
        }
        self.blob = None;
        for visit in &mut self.visits {
            (visit.current, visit.same) = (false, false);
        }
        if lost { Outcome::Refused } else { Outcome::Done }
    }

    /// A visit reads the next batch of at most so many lines. None when there is no whole line; an error when the blob is gone or another one.
    pub(crate) fn read(&self, visit: usize, check_creation: bool, lines: usize) -> Result<Option<Batch>, ()> {
        let Visit { next, end, settled, same, .. } = self.visits[visit];
        let Some(blob) = self.blob.as_ref().filter(|_| same || !check_creation) else { return Err(()) };
        let gaps = self.visits[visit].marks().gaps(u64::from(end));
        let Some(gap) = gaps.into_iter().map(bytes).find(|gap| next < gap.end) else { return Ok(None) };
        let start = next.max(gap.start);
        if start >= blob.length {
            return Err(());
        }
        let (last, end) = (gap.end == end, gap.end.min(blob.length));
        let ends_line = |at: &u8| (blob.first + at).is_multiple_of(2) || (*at == end && (settled || !last));
        let line_ends = (start + 1..=end).filter(ends_line);
        Ok(line_ends.take(lines).last().map(|end| Batch {
            start,
            end,
            byte: blob.first + start,
            stage: Stage::Cut,
            foreign: !same,
        }))
    }

    /// Axiom takes a batch. Halves of rows it would refuse for good, and all rows if they are `bad`: those are set aside, in the batch's record.
    pub(crate) fn take(&mut self, batch: Batch, bad: bool, over: bool) {
        let bytes = batch.byte..batch.byte + (batch.end - batch.start);
        let whole = |byte: u8| !bad && bytes.contains(&(byte & !1)) && bytes.contains(&(byte | 1));
        let bits = |good| bytes.clone().filter(|byte| whole(*byte) == good).fold(0, |bits, byte| bits | 1 << byte);
        if self.axiom & bits(true) != 0 {
            self.duplicates += 1;
        }
        self.axiom |= bits(true);
        let record = &mut self.aside[usize::from(batch.byte)];
        if bits(false) != 0 {
            // What a record holds follows from the bytes, so writing over the record of the same stretch changes nothing.
            *record = bits(false) | if over { 0 } else { *record };
        }
    }

    /// True when the next tick ends a claim whose visit lives: it must have been held up.
    pub(crate) fn tick_outlasts_a_claim(&self) -> bool {
        self.claim().is_some_and(|claim| claim.until == 1 && claim.visit != DEAD)
    }

    fn claim(&self) -> Option<&Claim> {
        self.blob.as_ref().and_then(|blob| blob.marks.claim.as_ref())
    }

    /// True when a visit has no reason to renew its claim.
    pub(crate) fn has_fresh_claim(&self, visit: usize) -> bool {
        self.claim().is_some_and(|claim| claim.until == CLAIM && claim.visit == name(visit))
    }

    /// Time passes.
    pub(crate) fn tick(&mut self) {
        if let Some(blob) = &mut self.blob {
            blob.quiet = (blob.quiet + 1).min(SETTLE);
            if let Some(claim) = &mut blob.marks.claim {
                claim.until = (claim.until - 1).max(0);
            }
        }
    }

    /// A visit is no more. A claim that it leaves behind is nobody's: no later visit has its name.
    pub(crate) fn forget(&mut self, visit: usize) {
        self.rename(name(visit), DEAD);
        self.visits[visit] = IDLE;
    }

    fn rename(&mut self, from: &str, to: &str) {
        if let Some(claim) = self.blob.as_mut().and_then(|blob| blob.marks.claim.as_mut())
            && claim.visit == from
        {
            to.clone_into(&mut claim.visit);
        }
    }

    /// Forgets what no later step of a visit asks for, so that states which differ only in that are one state.
    fn tidy(&mut self) {
        for visit in &mut self.visits {
            let Visit { step, looks, length, settled, next, end, failed, more, .. } = visit;
            match step {
                Step::Release { .. }
                | Step::LookAfterRelease { .. }
                | Step::FinishDelete
                | Step::LookAfterFinishDelete => {
                    (*looks, *length, *settled, *next, *end) = (0, 0, false, 0, 0);
                    *failed = false;
                }
                Step::Ship | Step::Commit | Step::LookAfterCommit => {
                    *looks = 0;
                    if !*more {
                        (*next, *end) = (0, 0);
                    }
                }
                _ => {}
            }
        }
    }

    /// The two visits are alike, so states that differ only in which is which are one state.
    pub(crate) fn in_order(mut self) -> Self {
        self.tidy();
        if self.visits[0] > self.visits[1] {
            self.visits.swap(0, 1);
            self.rename(name(0), "");
            self.rename(name(1), name(0));
            self.rename("", name(1));
        }
        self
    }
}

impl Visit {
    /// Its marks, stored or not.
    pub(crate) fn marks(&self) -> Marks {
        let mut marks = Marks { shipped: u64::from(self.shipped), ..Marks::default() };
        for at in (0..8).filter(|at| self.ahead >> at & 1 == 1) {
            marks.keep_ahead(Span { start: at, end: at + 1 });
        }
        marks
    }

    /// Takes these for its own.
    pub(crate) fn set_marks(&mut self, marks: &Marks) {
        self.shipped = u8::try_from(marks.shipped).expect("blobs of the model are short");
        self.ahead = marks.ahead.iter().cloned().flat_map(bytes).fold(0, |bits, at| bits | 1 << at);
    }
}

/// A stretch, in the model's small numbers.
fn bytes(span: Span) -> std::ops::Range<u8> {
    let byte = |offset: u64| u8::try_from(offset).expect("blobs of the model are short");
    byte(span.start)..byte(span.end)
}

impl Batch {
    /// What it covers.
    pub(crate) fn span(&self) -> Span {
        Span { start: u64::from(self.start), end: u64::from(self.end) }
    }
}
