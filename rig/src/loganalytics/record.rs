//! What is remembered of a request.

use tokio::time::Instant;

/// One request, as received and as answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Path without the query.
    pub path: String,
    /// The query's text; empty where none was read.
    pub query: String,
    /// `timespan` of the URL.
    pub url_timespan: Option<String>,
    /// `timespan` of the body.
    pub timespan: Option<String>,
    /// Seconds of `wait` in the header `Prefer`.
    pub wait: Option<u64>,
    /// The status that was sent, 0 for none.
    pub status: u16,
    /// Whether the rows came with a PartialError.
    pub partial: bool,
    /// Rows in the reply.
    pub rows: usize,
    /// Bytes of the rows' text in the reply, uncompressed.
    pub bytes: usize,
    /// When it came.
    pub began: Instant,
    /// When it had waited for its turn and ran; `None` where it never did.
    pub started: Option<Instant>,
    /// When its answer was ready; `None` where there is none, as for a client that gave up.
    pub ended: Option<Instant>,
    /// Queries that ran when this one started, itself among them.
    pub at_once: usize,
}

impl Request {
    pub(crate) fn new(path: &str) -> Self {
        Self {
            path: path.to_owned(),
            query: String::new(),
            url_timespan: None,
            timespan: None,
            wait: None,
            status: 0,
            partial: false,
            rows: 0,
            bytes: 0,
            began: Instant::now(),
            started: None,
            ended: None,
            at_once: 0,
        }
    }
}
