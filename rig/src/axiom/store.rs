//! Everything that one stand-in remembers: datasets, tokens, and the record of requests.

use std::collections::{BTreeMap, VecDeque};

use super::access::Tokens;
use super::dashboards::Dashboard;
use super::dataset::Dataset;
use super::monitors::ById;

/// One request, as received and as answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Whether it came to the edge, else to the central API.
    pub edge: bool,
    /// HTTP method.
    pub method: String,
    /// Path without the query.
    pub path: String,
    /// Query parameters, decoded.
    pub query: Vec<(String, String)>,
    /// Headers in order, names in lower case; the token is left out.
    pub headers: Vec<(String, String)>,
    /// The content encoding, empty for none.
    pub encoding: String,
    /// Bytes of the body on the wire.
    pub wire_bytes: u64,
    /// Bytes of the body, uncompressed (ingest only).
    pub bytes: u64,
    /// Rows in the body (ingest only).
    pub rows: u64,
    /// Rows that were committed.
    pub committed: u64,
    /// Least and greatest `_time` of the rows, nanoseconds since the epoch.
    pub times: Option<(i64, i64)>,
    /// The rows' ids, where `Options::id_field` names a column.
    pub ids: Vec<String>,
    /// The status that was sent, 0 for none.
    pub status: u16,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a request, as its client can know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was carried out, and the answer said so.
    Committed,
    /// It was not carried out.
    Refused,
    /// It was carried out, and no answer that can be relied on left.
    Unknown,
}

/// All state behind one lock.
#[derive(Default)]
pub(crate) struct Store {
    pub(crate) datasets: BTreeMap<String, Dataset>,
    pub(crate) dashboards: BTreeMap<String, Dashboard>,
    pub(crate) monitors: ById,
    pub(crate) notifiers: ById,
    pub(crate) tokens: Tokens,
    pub(crate) requests: Requests,
    /// The current minute (since the epoch) and the requests in it.
    pub(crate) minute: (i64, u64),
}

/// The most recent requests, by number.
#[derive(Default)]
pub(crate) struct Requests {
    first: u64,
    ring: VecDeque<Request>,
    unknown: u64,
}

impl Requests {
    /// Adds a request, forgets the oldest beyond `most`, and returns its number.
    pub(crate) fn push(&mut self, request: Request, most: usize) -> u64 {
        self.ring.push_back(request);
        while self.ring.len() > most {
            self.ring.pop_front();
            self.first += 1;
        }
        self.first + self.ring.len() as u64 - 1
    }

    /// Changes a request that is still remembered.
    pub(crate) fn update(&mut self, number: u64, change: impl FnOnce(&mut Request)) {
        let place = number.checked_sub(self.first).and_then(|place| usize::try_from(place).ok());
        if let Some(request) = place.and_then(|place| self.ring.get_mut(place)) {
            change(request);
        }
    }

    /// A request is committed from here on; until [`Requests::answered`], its outcome is unknown.
    pub(crate) fn committed(&mut self, number: u64) {
        self.unknown += 1;
        self.update(number, |request| request.outcome = Outcome::Unknown);
    }

    /// A committed request was answered well.
    pub(crate) fn answered(&mut self, number: u64) {
        self.unknown -= 1;
        self.update(number, |request| request.outcome = Outcome::Committed);
    }

    pub(crate) fn unknown(&self) -> u64 {
        self.unknown
    }

    pub(crate) fn all(&self) -> Vec<Request> {
        self.ring.iter().cloned().collect()
    }
}
