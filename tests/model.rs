//! A model of the protocol, checked exhaustively within bounds: one blob, its writer, two visits, the sweep, the queue, Axiom, and faults between
//! any two steps (a kill, a stall beyond the claim, a lost answer, a refusal). It asks the decision functions of the program (`plan`, `may_delete`,
//! `after_conflict`, `Marks`), so that model and program cannot drift apart. What a visit does around them stands in `model/visit.rs`, in
//! the order of `ship.rs` and `settle.rs`, one operation to a step.
//!
//! That a check passes says something only if it can fail: each mutant breaks one rule, and must be found.

#[path = "model/checks.rs"]
mod checks;
#[path = "model/visit.rs"]
mod visit;
#[path = "model/world.rs"]
mod world;

use std::time::Instant;

use checks::{Bounds, Protocol};
use stateright::{Checker, HasDiscoveries, Model};
use world::Mutant;

fn bounds(rows: u8, torn: Option<u8>, faults: u8) -> Bounds {
    Bounds { rows, torn, faults, lines: 1, bad: false }
}

/// Explores everything within the bounds.
fn explore(bounds: Bounds) {
    let began = Instant::now();
    let protocol = Protocol::new(bounds, None);
    let reached = protocol.reached.clone();
    let checker = protocol.checker().threads(2).spawn_bfs().join();
    let (states, steps, depth) = (checker.unique_state_count(), checker.state_count(), checker.max_depth());
    println!("{bounds:?}: {states} states, {steps} steps, {depth} deep, {:.1} s", began.elapsed().as_secs_f32());
    checker.assert_properties();
    assert_eq!(reached.missing(), [""; 0], "decisions that were never asked for");
}

#[test]
fn holds_with_one_row_and_two_faults() {
    explore(bounds(1, Some(0), 2));
}

#[test]
fn holds_with_a_torn_row_after_a_whole_one() {
    explore(bounds(2, Some(1), 1));
}

#[test]
fn holds_with_two_faults_at_batches_in_flight() {
    explore(bounds(2, None, 2));
}

#[test]
fn holds_with_a_blob_that_is_made_anew_twice() {
    explore(bounds(3, None, 1));
}

#[test]
fn holds_with_rows_set_aside() {
    explore(Bounds { lines: 2, bad: true, ..bounds(2, None, 1) });
}

/// Checks that this mutant breaks this property, and shows the way there.
fn caught(mutant: Mutant, property: &'static str, bounds: Bounds) {
    let protocol = Protocol::new(bounds, Some(mutant));
    let checker = protocol.checker().finish_when(HasDiscoveries::AllOf([property].into())).spawn_dfs().join();
    let path = checker.discovery(property).unwrap_or_else(|| panic!("{mutant:?} does not break: {property}"));
    println!("{mutant:?} breaks {property:?} ({} states):", checker.unique_state_count());
    path.into_actions().iter().for_each(|action| println!("  {action:?}"));
}

#[test]
fn a_delete_without_if_match_is_caught() {
    caught(Mutant::DeleteWithoutIfMatch, checks::NOT_DELETED, bounds(2, None, 0));
}

#[test]
fn a_commit_before_the_acknowledgement_is_caught() {
    caught(Mutant::CommitBeforeAcknowledgement, checks::OFFSET_IS_TRUE, bounds(2, None, 0));
}

#[test]
fn a_read_without_the_creation_time_is_caught() {
    caught(Mutant::NoCreationTime, checks::OWN_BLOB, bounds(3, Some(1), 1));
}

#[test]
fn an_unknown_outcome_taken_as_delivered_is_caught() {
    caught(Mutant::UnknownIsDelivered, checks::OFFSET_IS_TRUE, bounds(1, None, 1));
}

#[test]
fn a_claim_without_if_match_is_caught() {
    caught(Mutant::ClaimWithoutIfMatch, checks::NOT_BACK, bounds(1, None, 0));
}

#[test]
fn a_sweep_that_never_runs_is_caught() {
    caught(Mutant::NoSweep, checks::DRAINS, bounds(1, None, 0));
}

#[test]
fn a_record_of_refused_rows_that_a_shorter_batch_writes_over_is_caught() {
    let bounds = Bounds { lines: 2, bad: true, ..bounds(2, None, 1) };
    caught(Mutant::RecordNamedByItsStart, checks::OFFSET_IS_TRUE, bounds);
}

#[test]
fn a_visit_that_forgets_what_axiom_took_behind_a_refused_batch_is_caught() {
    caught(Mutant::ForgetAhead, checks::EXCUSED, bounds(2, None, 1));
}
