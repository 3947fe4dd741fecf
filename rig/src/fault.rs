//! What can go wrong with a query, one value for each; set while the stand-in runs, used by queries in order of arrival. Not every stand-in
//! knows every fault; one that it does not know is none.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::axiom::Gate;

/// One thing that happens to one query.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// Nothing: a place in a script where the query is served well.
    Pass,
    /// The query is not run.
    Refuse {
        /// HTTP status.
        status: u16,
        /// The error's `code`.
        code: String,
        /// The error's `message`.
        message: String,
        /// Seconds in the header `Retry-After`.
        retry_after: Option<u64>,
    },
    /// 200 with half of the rows and a PartialError, although they are within the limits.
    Partial,
    /// The connection ends in the middle of the reply's body.
    Truncate,
    /// The connection is reset, and there is no answer.
    Reset,
    /// The answer comes late; the time limit does not count it.
    Slow(Duration),
    /// The query waits at a gate while it runs.
    Hold(Gate),
    /// 504, as after the time limit.
    GatewayTimeout,
    /// 200 without an error, and the last row is missing. Counts and sums stay true, so that a sender can notice.
    ShortCount,
}

impl Fault {
    /// A refusal without `Retry-After`.
    #[must_use]
    pub fn refuse(status: u16, code: &str, message: &str) -> Self {
        Self::Refuse { status, code: code.to_owned(), message: message.to_owned(), retry_after: None }
    }
}

/// The plan of faults, shared with the running stand-in. A script is used up first, then the dice, then `always`.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Mutex<Plan>>);

#[derive(Debug, Default)]
struct Plan {
    script: VecDeque<Fault>,
    dice: Option<(fastrand::Rng, Vec<(f64, Fault)>)>,
    always: Option<Fault>,
    only: Option<String>,
}

impl Faults {
    /// Appends to the script: one fault for each query that arrives.
    pub fn script(&self, faults: impl IntoIterator<Item = Fault>) {
        self.plan().script.extend(faults);
    }

    /// Draws for each query: at most one of the faults, each with its own probability (they sum up to at most 1).
    pub fn random(&self, seed: u64, odds: Vec<(f64, Fault)>) {
        self.plan().dice = Some((fastrand::Rng::with_seed(seed), odds));
    }

    /// The fault of every query for which neither the script nor the dice have one.
    pub fn always(&self, fault: Option<Fault>) {
        self.plan().always = fault;
    }

    /// From here on, faults are for queries that contain this text; the others are served well and use up nothing.
    pub fn only(&self, text: Option<&str>) {
        self.plan().only = text.map(str::to_owned);
    }

    /// Forgets everything: from here on, all goes well.
    pub fn clear(&self) {
        *self.plan() = Plan::default();
    }

    /// Number of faults in the script that no query has used yet.
    pub fn unused(&self) -> usize {
        self.plan().script.len()
    }

    pub(crate) fn next(&self, query: &str) -> Fault {
        let mut plan = self.plan();
        if plan.only.as_ref().is_some_and(|text| !query.contains(text)) {
            return Fault::Pass;
        }
        if let Some(fault) = plan.script.pop_front() {
            return fault;
        }
        plan.roll().or_else(|| plan.always.clone()).unwrap_or(Fault::Pass)
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Plan {
    fn roll(&mut self) -> Option<Fault> {
        let (dice, odds) = self.dice.as_mut()?;
        let mut left = dice.f64();
        for (probability, fault) in odds {
            if left < *probability {
                return Some(fault.clone());
            }
            left -= *probability;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn script_then_dice_then_always() {
        let faults = Faults::default();
        faults.script([Fault::Partial, Fault::Pass]);
        faults.always(Some(Fault::Reset));
        let drawn: Vec<_> = (0..3).map(|_| faults.next("T")).collect();
        assert_eq!(drawn, [Fault::Partial, Fault::Pass, Fault::Reset]);
        faults.clear();
        assert_eq!(faults.next("T"), Fault::Pass);
    }

    #[test]
    fn faults_for_some_queries_leave_the_others_alone() {
        let faults = Faults::default();
        faults.only(Some("extend"));
        faults.script([Fault::Truncate]);
        assert_eq!(faults.next("T | count"), Fault::Pass);
        assert_eq!((faults.unused(), faults.next("T | extend _ItemId"), faults.unused()), (1, Fault::Truncate, 0));
    }

    #[test]
    fn a_seed_repeats_its_draws_and_keeps_the_odds() {
        let draw = |seed| {
            let faults = Faults::default();
            faults.random(seed, vec![(0.25, Fault::Reset), (0.5, Fault::Truncate)]);
            (0..4000).map(|_| faults.next("T")).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        let count = |fault: &Fault| draw(7).iter().filter(|drawn| *drawn == fault).count();
        assert!((900..1100).contains(&count(&Fault::Reset)), "{}", count(&Fault::Reset));
        assert!((1900..2100).contains(&count(&Fault::Truncate)), "{}", count(&Fault::Truncate));
    }
}
