//! One visit as a state machine: what `ship.rs` and `settle.rs` do around the decisions, one operation of storage or network to a step.

use sentinel_axiom::source::marks::{Claim, Marks};
use sentinel_axiom::source::plan::{self, Conflict, Plan};

use super::checks::Protocol;
use super::world::{CLAIM, Flaw, Mutant, Outcome, POLICY, Stage, Step, Visit, World, name};

/// Looks after which a visit leaves a blob that changes under it to the next one. The program has five; two show the same.
const LOOKS: u8 = 2;

impl Protocol {
    /// The next operation of a visit. With `lost`, a write is done and its answer is lost.
    pub(crate) fn step(&self, world: &mut World, v: usize, lost: bool) {
        match world.visits[v].step {
            Step::Look => self.look(world, v),
            Step::DeleteSeen => self.delete(world, v, lost, Step::LookAfterDeleteSeen),
            Step::LookAfterDeleteSeen => {
                if world.blob.is_some() {
                    look_again_from_the_start(world, v);
                } else {
                    end(world, v, true);
                }
            }
            Step::ReadFirst => self.read_first(world, v),
            Step::Claim => self.claim(world, v, lost),
            Step::Commit => match world.set_marks(v, true, true, lost) {
                Outcome::Done => stored(world, v, Step::Commit),
                Outcome::Refused => world.visits[v].step = Step::LookAfterCommit,
            },
            Step::LookAfterCommit => self.after_conflict(world, v, Step::Commit),
            Step::FinishDelete => self.delete(world, v, lost, Step::LookAfterFinishDelete),
            Step::LookAfterFinishDelete => {
                if world.blob.is_some() {
                    world.visits[v].step = Step::Release { failed: false };
                } else {
                    end(world, v, true);
                }
            }
            Step::Release { failed } => match world.set_marks(v, false, true, lost) {
                Outcome::Done => stored(world, v, Step::Release { failed }),
                Outcome::Refused => world.visits[v].step = Step::LookAfterRelease { failed },
            },
            Step::LookAfterRelease { failed } => self.after_conflict(world, v, Step::Release { failed }),
            Step::Ship | Step::Idle => unreachable!("these have actions of their own"),
        }
    }

    fn look(&self, world: &mut World, v: usize) {
        let Some(mut view) = world.view() else { return end(world, v, true) };
        view.marks = view.marks.seen_by(name(v));
        let visit = &mut world.visits[v];
        (visit.current, visit.same, visit.length) = (true, true, byte(view.length));
        let plan = plan::plan(&view, POLICY);
        self.reached.plan(plan);
        match plan {
            Plan::Leave(_) => end(world, v, true),
            Plan::Delete => visit.step = Step::DeleteSeen,
            Plan::Ship { from, settled } => {
                visit.set_marks(&view.marks.from(from));
                (visit.next, visit.end) = (byte(from), visit.length);
                (visit.settled, visit.more, visit.step) = (settled, true, Step::ReadFirst);
            }
        }
    }

    fn delete(&self, world: &mut World, v: usize, lost: bool, otherwise: Step) {
        match world.delete(v, self.mutant != Some(Mutant::DeleteWithoutIfMatch), lost) {
            Outcome::Done => end(world, v, true),
            Outcome::Refused => world.visits[v].step = otherwise,
        }
    }

    fn read_first(&self, world: &mut World, v: usize) {
        match world.read(v, self.mutant != Some(Mutant::NoCreationTime), self.bounds.lines) {
            Err(()) => end(world, v, false),
            Ok(None) => end(world, v, true), // An unfinished line: no trace.
            Ok(Some(first)) => {
                let visit = &mut world.visits[v];
                (visit.under_way[0], visit.next, visit.step) = (Some(first), first.end, Step::Claim);
            }
        }
    }

    fn claim(&self, world: &mut World, v: usize, lost: bool) {
        match world.set_marks(v, true, self.mutant != Some(Mutant::ClaimWithoutIfMatch), lost) {
            Outcome::Done => {
                send(world, v, 0);
                world.visits[v].step = Step::Ship;
            }
            Outcome::Refused => look_again_from_the_start(world, v),
        }
    }

    /// Reads the next batch and sends it.
    pub(crate) fn read_and_send(&self, world: &mut World, v: usize) {
        let place = world.visits[v].under_way.iter().position(Option::is_none).expect("asked only where there is room");
        match world.read(v, self.mutant != Some(Mutant::NoCreationTime), self.bounds.lines) {
            Err(()) => {
                (world.visits[v].more, world.visits[v].failed) = (false, true);
                go_on(world, v, Step::Ship);
            }
            Ok(None) => {
                world.visits[v].more = false;
                go_on(world, v, Step::Ship);
            }
            Ok(Some(batch)) => {
                let visit = &mut world.visits[v];
                (visit.under_way[place], visit.next) = (Some(batch), batch.end);
                send(world, v, place);
            }
        }
    }

    /// True when the first batch under way has an answer (for a mutant, also when not).
    pub(crate) fn can_settle(&self, visit: &Visit) -> bool {
        let unanswered = self.mutant != Some(Mutant::CommitBeforeAcknowledgement);
        visit.under_way[0].is_some_and(|batch| !(unanswered && batch.stage == Stage::Sent))
    }

    /// Takes all answers that are there, in order; then the offset is stored, unless something failed.
    pub(crate) fn settle(&self, world: &mut World, v: usize) {
        while self.can_settle(&world.visits[v]) {
            let visit = &mut world.visits[v];
            let batch = visit.under_way[0].expect("it can be settled");
            visit.under_way.rotate_left(1);
            visit.under_way[1] = None;
            if batch.stage == Stage::Refused {
                (visit.more, visit.failed) = (false, true);
                continue;
            }
            let mut marks = visit.marks();
            if !marks.advance(batch.span()) {
                if !visit.failed {
                    world.flaw = Some(Flaw::Gap);
                }
                if self.mutant != Some(Mutant::ForgetAhead) {
                    marks.keep_ahead(batch.span());
                }
            }
            visit.set_marks(&marks);
        }
        let step = if world.visits[v].failed { Step::Ship } else { Step::Commit };
        go_on(world, v, step);
    }

    /// From here on nothing new is begun: the deadline, or nobody waits any more.
    pub(crate) fn stop(world: &mut World, v: usize) {
        world.visits[v].more = false;
        go_on(world, v, Step::Ship);
    }

    /// The look after a refused write of marks.
    fn after_conflict(&self, world: &mut World, v: usize, write: Step) {
        let Some(blob) = &world.blob else { return end(world, v, false) };
        let visit = &mut world.visits[v];
        let created_now = if visit.same { 1 } else { 2 };
        let claim = (write == Step::Commit).then(|| Claim { visit: name(v).to_owned(), until: CLAIM });
        let wanted = Marks { claim, ..visit.marks() };
        let conflict = plan::after_conflict(name(v), 1, created_now, &blob.marks, &wanted);
        self.reached.conflict(conflict);
        match conflict {
            Conflict::Ours => (visit.current, visit.length, visit.step) = (true, blob.length, write),
            Conflict::Done => {
                (visit.current, visit.length) = (true, blob.length);
                stored(world, v, write);
            }
            Conflict::Taken | Conflict::Replaced => end(world, v, false),
        }
    }
}

/// A visit's marks are on the blob.
fn stored(world: &mut World, v: usize, write: Step) {
    match write {
        Step::Release { failed } => end(world, v, !failed),
        _ => go_on(world, v, Step::Ship),
    }
}

fn send(world: &mut World, v: usize, place: usize) {
    let batch = world.visits[v].under_way[place].as_mut().expect("just put there");
    batch.stage = Stage::Sent;
    if batch.foreign {
        world.flaw = Some(Flaw::Foreign);
    }
}

/// The loop of `deliver_all`: ends when nothing is under way and no more is to come, and then the visit finishes.
fn go_on(world: &mut World, v: usize, step: Step) {
    let visit = &mut world.visits[v];
    visit.step = if visit.more || visit.under_way[0].is_some() {
        step
    } else if visit.failed {
        // The claim is given up, with what Axiom took.
        Step::Release { failed: true }
    } else if plan::may_delete(u64::from(visit.shipped), u64::from(visit.length), visit.settled, POLICY) {
        Step::FinishDelete
    } else {
        Step::Release { failed: false }
    };
}

fn look_again_from_the_start(world: &mut World, v: usize) {
    let looks = world.visits[v].looks + 1;
    if looks == LOOKS {
        return end(world, v, true);
    }
    world.visits[v] = Visit { step: Step::Look, looks, ..super::world::IDLE };
}

/// The visit ends; after a failure its message is delivered again.
fn end(world: &mut World, v: usize, done: bool) {
    world.forget(v);
    world.message |= !done;
}

fn byte(offset: u64) -> u8 {
    u8::try_from(offset).expect("blobs of the model are short")
}
