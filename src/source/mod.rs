//! Where the bytes are: what is known of an export blob, and what is to be done about it.

pub mod cut;
pub mod marks;
pub mod plan;
pub mod sweep;
