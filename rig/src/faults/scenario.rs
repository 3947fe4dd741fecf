//! What happens in one run, all of it drawn from one seed. The same seed gives the same decisions; the timing of the machine is its own.

use std::time::Duration;

use fastrand::Rng;

use crate::axiom::{ErrorBody, Fault as AxiomFault, HostileBody, Refusal, RetryAfter};
use crate::host::Trouble;
use crate::proxy::Fault as StorageFault;
use crate::writer::{Defects, Delivery};

/// One run.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// What all of it was drawn from, and what its parts draw from in turn.
    pub seed: u64,
    /// Handler processes, each under a host of its own, all on one queue.
    pub handlers: usize,
    /// Tables.
    pub tables: usize,
    /// Rows appended to append blobs, in all.
    pub rows: u64,
    /// Append blobs of each table.
    pub blobs: u32,
    /// Block blobs beside them, whole from the start.
    pub block_blobs: u64,
    /// Over how long the rows are appended.
    pub writing: Duration,
    /// Once everything is delivered and deleted, rows are appended to the same names again.
    pub again: bool,
    /// Most rows in a batch (`BATCH_ROWS`).
    pub batch_rows: u64,
    /// Batches in flight of one visit (`UPLOADS`).
    pub uploads: u64,
    /// Visits at a time of one process (`VISITS`).
    pub visits: u64,
    /// Seconds that a claim holds (`CLAIM_FOR`): so long a blob waits after a crash.
    pub claim_for: u64,
    /// How late Axiom answers, faults or not.
    pub answer: Duration,
    /// Axiom refuses some rows that are good JSON.
    pub poison: bool,
    /// What is wrong with the rows.
    pub defects: Defects,
    /// How events arrive.
    pub delivery: Delivery,
    /// How the queue delivers.
    pub trouble: Trouble,
    /// What Axiom does, each with its probability for a request.
    pub axiom: Vec<(f64, AxiomFault)>,
    /// What the storage service does, each with its probability for a request.
    pub storage: Vec<(f64, StorageFault)>,
    /// When handlers are killed, from the start, beside the kills among the storage faults.
    pub kills: Vec<Duration>,
}

impl Scenario {
    /// The run of this seed, with so many handlers or as many as the seed says.
    #[must_use]
    pub fn of(seed: u64, handlers: Option<usize>) -> Self {
        let mut rng = Rng::with_seed(seed);
        let drawn = if rng.u8(..5) == 0 { 2 } else { 1 };
        let writing = Duration::from_millis(rng.u64(500..2500));
        let kills = rng.usize(..3);
        let kills = (0..kills).map(|_| Duration::from_millis(rng.u64(200..3500))).collect();
        let trouble =
            Trouble { seed: rng.u64(..), duplicate: share(&mut rng, 0.3), hold: Duration::from_millis(rng.u64(..400)) };
        Scenario {
            seed,
            handlers: handlers.unwrap_or(drawn),
            tables: rng.usize(1..=3),
            rows: rng.u64(40..240),
            blobs: rng.u32(1..=3),
            block_blobs: rng.u64(..3),
            writing,
            again: rng.u8(..5) == 0,
            batch_rows: rng.u64(3..20),
            uploads: rng.u64(1..=4),
            visits: rng.u64(1..=8),
            claim_for: 5,
            answer: Duration::from_millis(if rng.bool() { 0 } else { rng.u64(..150) }),
            poison: rng.u8(..3) == 0,
            defects: Defects {
                bad: share(&mut rng, 0.1),
                crlf: share(&mut rng, 0.3),
                blank: share(&mut rng, 0.1),
                cut: share(&mut rng, 0.5),
            },
            delivery: Delivery {
                cloud_events: rng.bool(),
                dropped: share(&mut rng, 0.5),
                repeated: share(&mut rng, 0.3),
                delayed: share(&mut rng, 0.3),
            },
            trouble,
            axiom: axiom_faults(&mut rng),
            storage: storage_faults(&mut rng),
            kills,
        }
    }

    /// Nothing goes wrong; only appends, events and sweeps cross each other.
    #[must_use]
    pub fn calm(seed: u64, handlers: usize) -> Self {
        Scenario {
            rows: 400,
            tables: 3,
            blobs: 3,
            block_blobs: 2,
            again: false,
            // Nobody crashes, and a machine that is busy elsewhere must not end a claim.
            claim_for: 180,
            kills: Vec::new(),
            axiom: Vec::new(),
            storage: Vec::new(),
            poison: false,
            ..Self::of(seed, Some(handlers))
        }
    }
}

/// Half of the time nothing, else up to `most`.
fn share(rng: &mut Rng, most: f64) -> f64 {
    if rng.bool() { 0.0 } else { rng.f64() * most }
}

fn axiom_faults(rng: &mut Rng) -> Vec<(f64, AxiomFault)> {
    let wait = Duration::from_millis(rng.u64(20..400));
    let kinds = [
        AxiomFault::ResetBefore,
        AxiomFault::ResetAfter,
        AxiomFault::TruncateAfter,
        Refusal::new(500, "internal error").reset_in(None).into(),
        Refusal::new(503, "unavailable").body(ErrorBody::Html).reset_in(None).into(),
        Refusal::new(429, "rate limit exceeded").reset_in(None).retry_after(RetryAfter::Seconds(1)).into(),
        AxiomFault::SlowBefore(wait),
        AxiomFault::SlowAfter(wait),
        AxiomFault::FailRows(1),
        AxiomFault::ShortCount(1),
        AxiomFault::Hostile(HostileBody::HalfJson),
        AxiomFault::Hostile(HostileBody::Empty),
    ];
    kinds.into_iter().map(|kind| (share(rng, 0.06), kind)).collect()
}

fn storage_faults(rng: &mut Rng) -> Vec<(f64, StorageFault)> {
    let wait = Duration::from_millis(rng.u64(5..300));
    let kinds = [
        StorageFault::Refuse(409, "OperationNotAllowedInCurrentState"),
        StorageFault::Refuse(412, "ConditionNotMet"),
        StorageFault::Refuse(500, "InternalError"),
        StorageFault::Refuse(503, "ServerBusy"),
        StorageFault::ResetBefore,
        StorageFault::ResetAfter,
        StorageFault::BreakBody,
        StorageFault::Delay(wait),
    ];
    let mut odds: Vec<_> = kinds.into_iter().map(|kind| (share(rng, 0.06), kind)).collect();
    odds.extend([StorageFault::KillBefore, StorageFault::KillAfter].map(|kind| (share(rng, 0.01), kind)));
    odds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_itself_and_odds_stay_below_one() {
        for seed in 0..200 {
            let scenario = Scenario::of(seed, None);
            assert_eq!(format!("{scenario:?}"), format!("{:?}", Scenario::of(seed, None)));
            let axiom: f64 = scenario.axiom.iter().map(|(odds, _)| odds).sum();
            let storage: f64 = scenario.storage.iter().map(|(odds, _)| odds).sum();
            assert!(axiom < 1.0 && storage < 1.0);
        }
    }
}
