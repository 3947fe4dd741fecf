//! The stand-in for the Functions host, driven against a handler that does right and wrong on command.

mod process;
mod queue;
mod support;
mod verdicts;
