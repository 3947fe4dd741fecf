//! Everything needed to run sentinel-axiom without Azure, the Functions host or Axiom: used by tests, benches and `cargo demo`, never shipped.

pub mod axiom;
pub mod azurite;
pub mod bench;
pub mod bench_history;
pub mod bench_pulls;
pub mod content;
pub mod dashboard;
pub mod demo;
mod door;
mod fault;
pub mod faults;
pub mod handler;
pub mod host;
pub mod hunting;
pub mod identity;
pub mod kql;
pub mod kusto;
mod lag;
pub mod loganalytics;
mod loopback;
pub mod npm;
pub mod package;
pub mod pip;
pub mod proxy;
mod rate;
mod record;
mod reply;
pub mod resource_graph;
pub mod rows;
pub mod soak;
pub mod writer;

/// Chooses the TLS implementation, once for the process; call it before the first HTTP client is built.
pub fn install_tls() {
    // An error says only that one is chosen already.
    drop(rustls::crypto::ring::default_provider().install_default());
}
