//! What is remembered of a request.

use tokio::time::Instant;

/// One request, as received and as answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Path without parameters.
    pub path: String,
    /// The query's text; empty where none was read.
    pub query: String,
    /// `Timespan` of the body.
    pub timespan: Option<String>,
    /// The status that was sent, 0 for none.
    pub status: u16,
    /// Rows in the reply.
    pub rows: usize,
    /// Bytes of the rows' text in the reply, uncompressed.
    pub bytes: usize,
    /// Rows that were left out, because there were too many.
    pub cut: usize,
    /// When it came.
    pub began: Instant,
    /// When its answer was ready; `None` where there is none, as for a client that gave up.
    pub ended: Option<Instant>,
}

impl Request {
    pub(crate) fn new(path: &str) -> Self {
        Self {
            path: path.to_owned(),
            query: String::new(),
            timespan: None,
            status: 0,
            rows: 0,
            bytes: 0,
            cut: 0,
            began: Instant::now(),
            ended: None,
        }
    }
}
