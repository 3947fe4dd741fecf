//! The deployable package: what is in it, and that it starts.

mod content;
mod start;
