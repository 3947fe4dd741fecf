//! The stand-in for the Functions host, driven against a handler that does right and wrong on command.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may panic like the test")]

mod process;
mod queue;
mod support;
mod verdicts;
