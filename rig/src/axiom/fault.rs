//! What can go wrong on the way to Axiom, one value for each; set while the stand-in runs, used by ingest requests in order of arrival.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use memchr::memmem;

use super::gate::Gate;

/// One thing that happens to one ingest request.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// Nothing: a place in a script where the request is served well.
    Pass,
    /// The request is answered with this, and nothing is stored.
    Refuse(Refusal),
    /// 200 with `failed` = this many: the last rows of the request are not stored.
    FailRows(u64),
    /// 200 with `failed` = 0 and `ingested` smaller than what was sent: the last rows are lost without a word.
    ShortCount(u64),
    /// All rows are stored, and the 200 has a body that cannot be relied on.
    Hostile(HostileBody),
    /// The answer comes late; the rows are stored after the wait, or never if the client gave up.
    SlowBefore(Duration),
    /// The answer comes late; the rows are stored before the wait.
    SlowAfter(Duration),
    /// The request waits at a gate; the rows are stored behind it, or never if the client gave up.
    HoldBefore(Gate),
    /// The rows are stored, then the answer waits at a gate.
    HoldAfter(Gate),
    /// The connection is reset, nothing is stored.
    ResetBefore,
    /// All rows are stored, and the connection is reset without an answer.
    ResetAfter,
    /// All rows are stored, and the connection ends in the middle of the 200's body.
    TruncateAfter,
}

/// Bodies of a 200 that say less than they should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostileBody {
    /// Good JSON without the key `failures`.
    NoFailures,
    /// Good JSON with `failures: null`.
    NullFailures,
    /// The first half of the JSON, framed as if it were whole.
    HalfJson,
    /// No bytes at all.
    Empty,
    /// `text/plain`.
    Text,
    /// An HTML page, as a proxy would answer.
    Html,
}

/// An answer that refuses a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// The `message`.
    pub message: String,
    /// How the message is wrapped.
    pub body: ErrorBody,
    /// The header `Retry-After`.
    pub retry_after: Option<RetryAfter>,
    /// Seconds until the limit headers say that the limit ends; `None` leaves the limit headers out.
    pub reset_in: Option<u64>,
    /// The header `Location`, for redirects.
    pub location: Option<String>,
}

/// The form of an error's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorBody {
    /// `{"code":N,"message":"..."}`, as Axiom documents.
    Json,
    /// The message as text.
    Text,
    /// An HTML page, as a proxy would answer.
    Html,
    /// No body.
    Empty,
}

/// The two forms of `Retry-After` (RFC 9110 section 10.2.3), in seconds from now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryAfter {
    /// A number of seconds.
    Seconds(u64),
    /// A GMT date.
    Date(u64),
}

impl Refusal {
    /// A refusal with a JSON body, the limit headers, and no `Retry-After`.
    pub fn new(status: u16, message: impl Into<String>) -> Self {
        let (message, body) = (message.into(), ErrorBody::Json);
        Self { status, message, body, retry_after: None, reset_in: Some(60), location: None }
    }

    /// A redirect to another place.
    pub fn redirect(status: u16, location: impl Into<String>) -> Self {
        Self { location: Some(location.into()), ..Self::new(status, "moved") }
    }

    /// The same with another form of body.
    #[must_use]
    pub fn body(self, body: ErrorBody) -> Self {
        Self { body, ..self }
    }

    /// The same with `Retry-After`.
    #[must_use]
    pub fn retry_after(self, wait: RetryAfter) -> Self {
        Self { retry_after: Some(wait), ..self }
    }

    /// The same with limit headers that end in this many seconds, or without them.
    #[must_use]
    pub fn reset_in(self, seconds: Option<u64>) -> Self {
        Self { reset_in: seconds, ..self }
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::Refuse(refusal)
    }
}

/// What a poison row does to its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoisonEffect {
    /// The whole request is answered with this status.
    RefuseRequest(u16),
    /// 200, with this row among the failed.
    FailRow,
}

/// The plan of faults, shared with the running stand-in. A script is used up first, then the dice, then `always`.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Mutex<Plan>>);

/// A rule about rows: those that contain some bytes are never taken.
#[derive(Debug)]
struct Poison {
    contains: Vec<u8>,
    effect: PoisonEffect,
}

#[derive(Debug, Default)]
struct Plan {
    script: VecDeque<Fault>,
    dice: Option<(fastrand::Rng, Vec<(f64, Fault)>)>,
    always: Option<Fault>,
    poison: Vec<Poison>,
    query: Option<Refusal>,
    visible_after: Duration,
}

impl Faults {
    /// Appends to the script: one fault for each ingest request that arrives.
    pub fn script(&self, faults: impl IntoIterator<Item = Fault>) {
        self.plan().script.extend(faults);
    }

    /// Draws for each ingest request: at most one of the faults, each with its own probability (they sum up to at most 1).
    pub fn random(&self, seed: u64, odds: Vec<(f64, Fault)>) {
        self.plan().dice = Some((fastrand::Rng::with_seed(seed), odds));
    }

    /// The fault of every ingest request for which neither the script nor the dice have one.
    pub fn always(&self, fault: Option<Fault>) {
        self.plan().always = fault;
    }

    /// Adds a rule about rows.
    pub fn poison(&self, contains: impl Into<Vec<u8>>, effect: PoisonEffect) {
        self.plan().poison.push(Poison { contains: contains.into(), effect });
    }

    /// The answer to every query; 432 (memory exceeded) occurs nowhere else.
    pub fn query(&self, refusal: Option<Refusal>) {
        self.plan().query = refusal;
    }

    /// How long committed rows stay invisible to queries.
    pub fn visible_after(&self, delay: Duration) {
        self.plan().visible_after = delay;
    }

    /// Forgets everything: from here on, all goes well.
    pub fn clear(&self) {
        *self.plan() = Plan::default();
    }

    /// Number of faults in the script that no request has used yet.
    pub fn unused(&self) -> usize {
        self.plan().script.len()
    }

    pub(crate) fn next(&self) -> Fault {
        let mut plan = self.plan();
        if let Some(fault) = plan.script.pop_front() {
            return fault;
        }
        plan.roll().or_else(|| plan.always.clone()).unwrap_or(Fault::Pass)
    }

    pub(crate) fn poisoned(&self, row: &[u8]) -> Option<PoisonEffect> {
        let plan = self.plan();
        plan.poison.iter().find(|rule| memmem::find(row, &rule.contains).is_some()).map(|rule| rule.effect)
    }

    pub(crate) fn query_refusal(&self) -> Option<Refusal> {
        self.plan().query.clone()
    }

    pub(crate) fn visibility(&self) -> Duration {
        self.plan().visible_after
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
        faults.script([Fault::ResetAfter, Fault::Pass]);
        faults.always(Some(Fault::ResetBefore));
        let drawn: Vec<_> = (0..3).map(|_| faults.next()).collect();
        assert_eq!(drawn, [Fault::ResetAfter, Fault::Pass, Fault::ResetBefore]);
        faults.clear();
        assert_eq!(faults.next(), Fault::Pass);
    }

    #[test]
    fn a_seed_repeats_its_draws_and_keeps_the_odds() {
        let draw = |seed| {
            let faults = Faults::default();
            faults.random(seed, vec![(0.25, Fault::ResetAfter), (0.5, Fault::TruncateAfter)]);
            (0..4000).map(|_| faults.next()).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        let count = |fault: &Fault| draw(7).iter().filter(|drawn| *drawn == fault).count();
        assert!((900..1100).contains(&count(&Fault::ResetAfter)), "{}", count(&Fault::ResetAfter));
        assert!((1900..2100).contains(&count(&Fault::TruncateAfter)), "{}", count(&Fault::TruncateAfter));
    }
}
