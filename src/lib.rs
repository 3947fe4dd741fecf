//! Moves Microsoft security logs from Azure Log Analytics data export into Axiom, with nothing lost.
//!
//! The modules stand in the order of the flow: wake, source, lines, batch, axiom, settle. `ARCHITECTURE.md` has the picture.

pub mod app;
pub mod check;
pub mod cli;
pub mod commands;
pub mod log;
pub mod report;
pub mod settings;
pub mod stop;

pub mod wake;

pub mod halted;
pub mod ship;
pub mod status;
pub mod telemetry;

pub mod source;

pub mod event_hub;
pub mod history;
pub mod hunting;
pub mod kusto;
pub mod loganalytics;
pub mod provision;
pub mod pulls;
pub mod query;
pub mod reconcile;
pub mod resource_graph;
pub mod snapshot;

pub mod batch;
pub mod body;
pub mod json;
pub mod lines;

pub mod axiom;
pub mod retry;

pub mod claimed;
pub mod receipts;
pub mod refused;
pub mod send;
pub mod settle;

pub mod azure;
pub mod secret;
