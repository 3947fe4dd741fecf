//! Moves Microsoft security logs from Azure Log Analytics data export into Axiom, with nothing lost.
