//! One file for each command.

pub mod check;
pub mod help;
pub mod history;
pub mod provision;
pub mod pull;
pub mod reconcile;
pub mod refused;
pub mod run;
pub mod serve;
pub mod snapshot;
pub mod status;
