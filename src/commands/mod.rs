//! One file for each command.

pub mod refused;
pub mod run;
pub mod serve;
