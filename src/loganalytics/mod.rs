//! Log Analytics' query API: where history is read, which data export does not carry.

pub mod reply;
