//! The record of requests.

use std::collections::VecDeque;

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

/// The most recent requests, by number.
#[derive(Debug, Default)]
pub(crate) struct Record {
    first: u64,
    ring: VecDeque<Request>,
}

impl Record {
    /// Adds a request, forgets the oldest beyond `most`, and returns its number.
    pub(crate) fn push(&mut self, request: Request, most: usize) -> u64 {
        self.ring.push_back(request);
        while self.ring.len() > most {
            self.ring.pop_front();
            self.first += 1;
        }
        (self.first + self.ring.len() as u64).saturating_sub(1)
    }

    /// Changes a request that is still remembered.
    pub(crate) fn update(&mut self, number: u64, change: impl FnOnce(&mut Request)) {
        let place = number.checked_sub(self.first).and_then(|place| usize::try_from(place).ok());
        if let Some(request) = place.and_then(|place| self.ring.get_mut(place)) {
            change(request);
        }
    }

    pub(crate) fn all(&self) -> Vec<Request> {
        self.ring.iter().cloned().collect()
    }
}
