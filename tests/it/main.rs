//! Drives the shipped binary as the Functions host does, against Azurite and the stand-in for Axiom.

#![allow(unreachable_pub, reason = "a test crate has no public surface")]

mod support;

mod configuration;
mod envelopes;
mod growing;
mod hostile;
mod liveness;
mod rows;
