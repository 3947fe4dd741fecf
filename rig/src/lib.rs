//! Everything needed to run sentinel-axiom on one machine.

pub mod axiom;
pub mod content;

/// Installs the process's TLS provider. `reqwest` is built without one, so every program and test that makes a client calls this first; calling it again does nothing.
pub fn install_tls() {
    // An error says only that a provider is installed already.
    drop(rustls::crypto::ring::default_provider().install_default());
}
