//! What belongs into Axiom beside the rows: datasets with their retention and map fields, a dashboard, monitors.
//!
//! ```text
//! wanted (from the tables and the files)  ->  present (what is there)  ->  plan (what to make or to change)  ->  send
//! ```
//!
//! Ours is what carries [`crate::axiom::MARK`] in its description. The rest is never touched.

pub mod compare;
pub mod map_fields;
pub mod plan;
pub mod present;
pub mod template;
pub mod wanted;
