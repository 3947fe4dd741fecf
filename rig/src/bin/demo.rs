//! The main job against real local parts.
fn main() {}
