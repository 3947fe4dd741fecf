//! Moves Microsoft security logs from Azure Log Analytics data export into Axiom, with nothing lost.

pub mod secret;
pub mod settings;
pub mod wake;
