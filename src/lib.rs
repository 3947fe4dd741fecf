//! Moves Microsoft security logs from Azure Log Analytics data export into Axiom, with nothing lost.
//!
//! The modules stand in the order of the flow: wake, source, lines, batch, axiom, settle. `ARCHITECTURE.md` has the picture.

pub mod settings;
pub mod wake;

pub mod batch;
pub mod lines;

pub mod azure;
pub mod secret;
