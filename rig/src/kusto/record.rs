//! What is remembered of requests and of ingestions.

use tokio::time::Instant;

/// One request, as received and as answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// HTTP method.
    pub method: String,
    /// Path without parameters.
    pub path: String,
    /// Parameters of the URL, decoded.
    pub parameters: Vec<(String, String)>,
    /// The command or the query; empty where there is none.
    pub text: String,
    /// Bytes of the body, as they were sent.
    pub bytes: usize,
    /// The status that was sent, 0 for none.
    pub status: u16,
    /// When it came.
    pub began: Instant,
    /// When its answer was ready; `None` where there is none, as for a client that gave up.
    pub ended: Option<Instant>,
}

/// One message of queued ingestion that was worked off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ingestion {
    /// The message's id.
    pub id: String,
    /// The database.
    pub database: String,
    /// The table.
    pub table: String,
    /// `Succeeded`, `Failed` or `Skipped`.
    pub status: &'static str,
    /// The error's code; empty where there is none.
    pub code: String,
    /// Rows that were added.
    pub rows: usize,
}
