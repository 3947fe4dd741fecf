//! Drives the shipped binary as the Functions host does, against Azurite and the stand-in for Axiom.

#![allow(unreachable_pub, reason = "a test crate has no public surface")]
#![allow(clippy::unwrap_used, reason = "all of it is test code, helpers too")]

mod support;

mod ahead;
mod answers;
mod check;
mod claims;
mod configuration;
mod container;
mod envelopes;
mod event_hub;
mod growing;
mod history;
mod history_queue;
mod history_storage;
mod hostile;
mod liveness;
mod lost;
mod order;
mod outage;
mod poison;
mod provision;
mod provision_queries;
mod pulls;
mod pulls_kusto;
mod pulls_simulation;
mod reconcile;
mod refused;
mod rows;
mod run;
mod secrets;
mod snapshot;
mod startup;
mod status;
mod sweep;
