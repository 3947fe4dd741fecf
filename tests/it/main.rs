//! Drives the shipped binary as the Functions host does, against Azurite and the stand-in for Axiom.

#![allow(unreachable_pub, reason = "a test crate has no public surface")]

mod support;

mod claims;
mod container;
mod growing;
mod order;
mod outage;
mod poison;
mod refused;
mod rows;
mod run;
mod sweep;
