//! What can happen next, and what must hold always.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sentinel_axiom::source::plan::{self, Conflict, Leave, Plan};
use stateright::{Model, Property};

use super::world::{Flaw, IDLE, Mutant, POLICY, Stage, Step, UPLOADS, Visit, World};

/// Names of the properties.
pub(crate) const NOT_LOST: &str = "every row is in Axiom, set aside or still at its source";
pub(crate) const OFFSET_IS_TRUE: &str = "what the marks call settled is in Axiom or set aside";
pub(crate) const NOT_DELETED: &str = "nothing is deleted that is not delivered";
pub(crate) const NOT_BACK: &str = "the offset of a blob never goes back";
pub(crate) const IN_ORDER: &str = "batches are settled in order";
pub(crate) const OWN_BLOB: &str = "a visit sends only bytes of the blob that it claimed";
pub(crate) const EXCUSED: &str =
    "duplicates come from a crash or an unknown answer alone, and are no more than what was in flight";
pub(crate) const DRAINS: &str = "once faults end, everything is delivered and the blob is deleted";

/// What is explored.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Rows that are written.
    pub(crate) rows: u8,
    /// The row that may come in two halves.
    pub(crate) torn: Option<u8>,
    /// Faults that happen, of any kind.
    pub(crate) faults: u8,
    /// Lines in a batch.
    pub(crate) lines: usize,
    /// Axiom takes no row: all are set aside.
    pub(crate) bad: bool,
}

/// The model and its bounds.
#[derive(Clone)]
pub(crate) struct Protocol {
    pub(crate) bounds: Bounds,
    pub(crate) mutant: Option<Mutant>,
    pub(crate) reached: Arc<Reached>,
}

/// One step of somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// The writer makes the blob, for the first time or because it is gone: the one event there is.
    Create,
    /// The writer appends a row, half a row, or the other half.
    Append(u8),
    /// The sweep sends a message.
    Sweep,
    /// The queue loses it.
    LoseMessage,
    /// A visit begins; the queue may deliver the message again.
    Begin {
        visit: usize,
        again: bool,
    },
    /// The next operation of a visit.
    Step(usize),
    /// The same, but the answer to it is lost: a fault.
    StepUnanswered(usize),
    ReadAndSend(usize),
    Settle(usize),
    Renew(usize),
    Stop(usize),
    /// Axiom takes a batch, or it is set aside, and this is known.
    Take {
        visit: usize,
        batch: usize,
    },
    /// Axiom takes it and does not answer: a fault. It is sent again.
    TakeUnanswered {
        visit: usize,
        batch: usize,
    },
    /// Neither taken nor answered. Matters only to a mutant.
    DropUnanswered {
        visit: usize,
        batch: usize,
    },
    /// Not now: a fault. The visit begins nothing new.
    Refuse {
        visit: usize,
        batch: usize,
    },
    /// Killed between two steps: a fault.
    Crash(usize),
    Tick,
    /// Time passes, and a claim ends while its visit is held up: a fault.
    TickOverClaim,
}

impl Protocol {
    /// A model within bounds, true to the program or not.
    pub(crate) fn new(bounds: Bounds, mutant: Option<Mutant>) -> Self {
        Self { bounds, mutant, reached: Arc::default() }
    }

    fn actions_of_visit(&self, world: &World, v: usize, actions: &mut Vec<Action>) {
        let visit = &world.visits[v];
        match visit.step {
            Step::Idle => {
                // Where both are idle it does not matter which one begins.
                if world.message && (v == 0 || world.visits[0].step != Step::Idle) {
                    actions.extend([Action::Begin { visit: v, again: false }, Action::Begin { visit: v, again: true }]);
                }
                return;
            }
            Step::Ship => self.actions_of_shipping(world, v, actions),
            _ => actions.push(Action::Step(v)),
        }
        if world.faults > 0 {
            actions.push(Action::Crash(v));
            if is_write(visit) {
                actions.push(Action::StepUnanswered(v));
            }
        }
    }

    fn actions_of_shipping(&self, world: &World, v: usize, actions: &mut Vec<Action>) {
        let visit = &world.visits[v];
        if self.can_settle(visit) {
            actions.push(Action::Settle(v));
        }
        if visit.more {
            actions.push(Action::Stop(v));
            if visit.under_way[UPLOADS - 1].is_none() {
                actions.push(Action::ReadAndSend(v));
            }
        }
        if !world.has_fresh_claim(v) {
            actions.push(Action::Renew(v));
        }
        for batch in 0..UPLOADS {
            if visit.under_way[batch].is_some_and(|batch| batch.stage == Stage::Sent) {
                actions.push(Action::Take { visit: v, batch });
                if world.faults > 0 {
                    actions.extend([Action::TakeUnanswered { visit: v, batch }, Action::Refuse { visit: v, batch }]);
                    if self.mutant == Some(Mutant::UnknownIsDelivered) {
                        actions.push(Action::DropUnanswered { visit: v, batch });
                    }
                }
            }
        }
    }

    fn sweep_finds_work(&self, world: &World) -> bool {
        let plan = world.view().map(|view| plan::plan(&view, POLICY));
        self.mutant != Some(Mutant::NoSweep) && matches!(plan, Some(Plan::Ship { .. } | Plan::Delete))
    }

    fn act(&self, world: &mut World, action: Action) {
        if is_fault(action) {
            world.faults -= 1;
        }
        match action {
            Action::Create => world.create(),
            Action::Append(bytes) => world.append(bytes),
            Action::Sweep => world.message = true,
            Action::LoseMessage => world.message = false,
            Action::Begin { visit, again } => {
                world.visits[visit] = Visit { step: Step::Look, ..IDLE };
                world.message = again;
            }
            Action::Step(v) => self.step(world, v, false),
            Action::StepUnanswered(v) => self.step(world, v, true),
            Action::ReadAndSend(v) => self.read_and_send(world, v),
            Action::Settle(v) => self.settle(world, v),
            Action::Renew(v) => world.visits[v].step = Step::Commit,
            Action::Stop(v) => Self::stop(world, v),
            Action::Take { visit, batch } => self.answer(world, visit, batch, true, Stage::Settled),
            Action::TakeUnanswered { visit, batch } => {
                world.excuses += 1;
                self.answer(world, visit, batch, true, Stage::Sent);
            }
            Action::DropUnanswered { visit, batch } => self.answer(world, visit, batch, false, Stage::Settled),
            Action::Refuse { visit, batch } => self.answer(world, visit, batch, false, Stage::Refused),
            Action::Crash(v) => {
                world.excuses += 1;
                world.forget(v);
            }
            Action::Tick => world.tick(),
            Action::TickOverClaim => {
                world.excuses += 1;
                world.tick();
            }
        }
    }

    fn answer(&self, world: &mut World, visit: usize, batch: usize, taken: bool, stage: Stage) {
        let place = world.visits[visit].under_way[batch].as_mut().expect("an action for what is under way");
        place.stage = stage;
        let batch = *place;
        if taken {
            world.take(batch, self.bounds.bad, self.mutant == Some(Mutant::RecordNamedByItsStart));
        }
    }

    /// Follows one path without faults: what can be done is done; when nothing can, the sweep looks, and time passes until it looks again.
    fn drains(&self, world: &World) -> bool {
        let (mut world, mut swept) = (world.clone(), false);
        for _ in 0..300 {
            if world.blob.is_none() && world.visits == [IDLE; 2] {
                return (0..world.written).all(|byte| world.is_settled(byte));
            }
            let mut actions = Vec::new();
            (0..2).for_each(|v| self.actions_of_visit(&world, v, &mut actions));
            let wanted = |action: &Action| {
                !is_fault(*action)
                    && !matches!(action, Action::Renew(_) | Action::Stop(_) | Action::Begin { again: true, .. })
            };
            let next = actions.into_iter().find(wanted);
            let next = next.unwrap_or_else(|| {
                swept = !swept && self.sweep_finds_work(&world);
                if swept { Action::Sweep } else { Action::Tick }
            });
            self.act(&mut world, next);
        }
        false
    }
}

fn is_write(visit: &Visit) -> bool {
    let writes =
        matches!(visit.step, Step::Claim | Step::Commit | Step::Release { .. } | Step::DeleteSeen | Step::FinishDelete);
    writes && visit.current
}

fn is_fault(action: Action) -> bool {
    matches!(
        action,
        Action::StepUnanswered(_)
            | Action::TakeUnanswered { .. }
            | Action::DropUnanswered { .. }
            | Action::Refuse { .. }
            | Action::Crash(_)
            | Action::TickOverClaim
    )
}

impl Model for Protocol {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(self.bounds.faults)]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        let left = 2 * self.bounds.rows - world.written;
        match (left, &world.blob) {
            (0, _) => {}
            (_, None) => actions.push(Action::Create),
            _ if world.written % 2 == 1 => actions.push(Action::Append(1)),
            _ if self.bounds.torn == Some(world.written / 2) => actions.extend([Action::Append(2), Action::Append(1)]),
            _ => actions.push(Action::Append(2)),
        }
        if world.message {
            actions.push(Action::LoseMessage);
        } else if self.sweep_finds_work(world) {
            actions.push(Action::Sweep);
        }
        (0..2).for_each(|v| self.actions_of_visit(world, v, actions));
        if !world.tick_outlasts_a_claim() {
            actions.push(Action::Tick);
        } else if world.faults > 0 {
            actions.push(Action::TickOverClaim);
        }
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let mut next = world.clone();
        self.act(&mut next, action);
        Some(next.in_order())
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(NOT_LOST, |_, world: &World| {
                let at_source = world.blob.as_ref().map_or(world.written, |blob| blob.first);
                (0..at_source).all(|byte| world.is_settled(byte))
            }),
            Property::always(OFFSET_IS_TRUE, |_, world: &World| {
                world.blob.as_ref().is_none_or(|blob| {
                    let shipped = blob.marks.shipped;
                    let ahead = blob.marks.ahead.iter().flat_map(|span| span.start..span.end);
                    let mut settled = (0..shipped).chain(ahead).map(u8::try_from);
                    settled.all(|at| at.is_ok_and(|at| at < blob.length && world.is_settled(blob.first + at)))
                })
            }),
            Property::always(NOT_DELETED, |_, world: &World| world.flaw != Some(Flaw::Deleted)),
            Property::always(NOT_BACK, |_, world: &World| world.flaw != Some(Flaw::Back)),
            Property::always(IN_ORDER, |_, world: &World| world.flaw != Some(Flaw::Gap)),
            Property::always(OWN_BLOB, |_, world: &World| world.flaw != Some(Flaw::Foreign)),
            Property::always(EXCUSED, |_, world: &World| {
                usize::from(world.duplicates) <= usize::from(world.excuses) * UPLOADS
            }),
            Property::always(DRAINS, |protocol: &Self, world: &World| world.faults > 0 || protocol.drains(world)),
            Property::sometimes("everything is delivered and the blob is gone", |protocol, world: &World| {
                world.written == 2 * protocol.bounds.rows
                    && world.blob.is_none()
                    && (protocol.bounds.bad || world.set_aside() == 0)
            }),
            Property::sometimes("late rows make the blob anew", |_, world: &World| {
                world.blob.as_ref().is_some_and(|blob| blob.first > 0 && blob.length > 0)
            }),
            Property::sometimes("a row in two halves is set aside", |protocol: &Self, world: &World| {
                protocol.bounds.torn.is_none_or(|row| world.set_aside() >> (2 * row) & 3 == 3)
            }),
            Property::sometimes("a fault makes a duplicate", |protocol: &Self, world: &World| {
                protocol.bounds.bad || world.duplicates > 0
            }),
        ]
    }
}

/// Which decisions were asked for: what is never reached is not checked.
#[derive(Default)]
pub(crate) struct Reached([AtomicBool; 9]);

impl Reached {
    const NAMES: [&str; 9] =
        ["ship", "ship settled", "delete", "claimed", "growing or unfinished", "ours", "taken", "replaced", "done"];

    fn mark(&self, index: usize) {
        self.0[index].store(true, Ordering::Relaxed);
    }

    /// A plan was made.
    pub(crate) fn plan(&self, plan: Plan) {
        self.mark(match plan {
            Plan::Ship { settled, .. } => usize::from(settled),
            Plan::Delete => 2,
            Plan::Leave(Leave::Claimed) => 3,
            Plan::Leave(_) => 4,
        });
    }

    /// A conflict was judged.
    pub(crate) fn conflict(&self, conflict: Conflict) {
        self.mark(match conflict {
            Conflict::Ours => 5,
            Conflict::Taken => 6,
            Conflict::Replaced => 7,
            Conflict::Done => 8,
        });
    }

    /// Decisions that were never asked for.
    pub(crate) fn missing(&self) -> Vec<&'static str> {
        let missing = |(name, reached): (&'static str, &AtomicBool)| (!reached.load(Ordering::Relaxed)).then_some(name);
        Self::NAMES.into_iter().zip(&self.0).filter_map(missing).collect()
    }
}
