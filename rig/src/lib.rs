//! Everything needed to run sentinel-axiom on one machine.

pub mod rows;
