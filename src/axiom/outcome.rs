//! What became of a batch.

use std::io;
use std::time::Duration;

use crate::batch::{Refused, Span};

/// What the delivery of a batch took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Rows that Axiom acknowledged.
    pub rows: u64,
    /// Size of the batch's rows, in bytes, before compression.
    pub body_bytes: u64,
    /// Bytes of all request bodies, after compression.
    pub wire_bytes: u64,
    /// Ingest requests.
    pub requests: u64,
    /// Requests among them that went out again after an unknown outcome: their rows may be in Axiom twice.
    pub repeats: u64,
    /// Rows in those repeats.
    pub repeated_rows: u64,
    /// True while the outcome of the last request is unknown: what is not delivered may be in Axiom all the same.
    pub outcome_unknown: bool,
}

/// Proof that every row of a span is in Axiom, or is handed over here as refused. Only the delivery makes one, and only `settle` should take it apart.
#[derive(Debug)]
pub struct Delivered {
    span: Span,
    tally: Tally,
    refused: Vec<Refused>,
    warning: Option<String>,
}

impl Delivered {
    /// Private to this module tree on purpose: whoever could make a proof could delete a blob without delivering it.
    pub(super) fn new(span: Span, tally: Tally, refused: Vec<Refused>, warning: Option<String>) -> Self {
        Self { span, tally, refused, warning }
    }

    /// What the batch covers in its source, in bytes.
    #[must_use]
    pub fn span(&self) -> Span {
        self.span
    }

    /// What it took.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Rows that are to be set aside before the span may count as done: those of the batch, then those that Axiom refused.
    #[must_use]
    pub fn refused(&self) -> &[Refused] {
        &self.refused
    }

    /// What Axiom remarked although it took the rows, such as fields that a locked schema dropped.
    #[must_use]
    pub fn warning(&self) -> Option<&str> {
        self.warning.as_deref()
    }
}

/// A batch that is not delivered, or not all of it. Nothing of the rest may be forgotten, though rows of it may be in Axiom already.
#[derive(Debug, thiserror::Error)]
pub enum Undelivered {
    /// Settings or rights must change first. Trying again soon is useless.
    #[error("{advice}")]
    Configuration {
        /// What is wrong, and what to do about it.
        advice: String,
        /// What was tried.
        tally: Tally,
        /// What is delivered from the start of the batch on, if it was sent in pieces.
        part: Option<Box<Delivered>>,
    },
    /// It may work later.
    #[error("put off the delivery to Axiom")]
    Later {
        /// How long to wait, where Axiom names it.
        wait: Option<Duration>,
        /// What happened last.
        #[source]
        cause: Cause,
        /// What was tried.
        tally: Tally,
        /// What is delivered from the start of the batch on, if it was sent in pieces.
        part: Option<Box<Delivered>>,
    },
}

impl Undelivered {
    /// What was tried.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        let (Self::Configuration { tally, .. } | Self::Later { tally, .. }) = self;
        tally
    }

    /// Takes what is delivered from the start of the batch on: it need not be sent again.
    pub fn take_part(&mut self) -> Option<Delivered> {
        let (Self::Configuration { part, .. } | Self::Later { part, .. }) = self;
        part.take().map(|part| *part)
    }
}

/// Why a delivery is put off.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// An answer other than success.
    #[error("Axiom answers {status}: {reason}")]
    Answered {
        /// HTTP status.
        status: u16,
        /// Axiom's words.
        reason: String,
    },
    /// A success that cannot be read, several times in a row.
    #[error("read Axiom's answer of success: {0}")]
    Unreadable(String),
    /// No answer.
    #[error("send rows to Axiom")]
    NoAnswer(#[source] reqwest::Error),
    /// zstd failed, which means that memory is short.
    #[error("compress rows")]
    Compress(#[from] io::Error),
    /// Another request was told to wait.
    #[error("wait for the pause that Axiom asked for")]
    Paused,
    /// The time of the visit ended before a request could be sent.
    #[error("send rows to Axiom before the deadline")]
    Deadline,
}

/// Why a delivery stops; [`Undelivered`] without the counts.
#[derive(Debug)]
pub(super) enum Stop {
    Configuration(String),
    Later { wait: Option<Duration>, cause: Cause },
}

impl Stop {
    pub(super) fn with(self, tally: Tally, part: Option<Delivered>) -> Undelivered {
        let part = part.map(Box::new);
        match self {
            Self::Configuration(advice) => Undelivered::Configuration { advice, tally, part },
            Self::Later { wait, cause } => Undelivered::Later { wait, cause, tally, part },
        }
    }
}

impl Undelivered {
    /// Nothing was sent, because of a pause that Axiom asked for.
    #[must_use]
    pub fn paused(wait: Duration) -> Self {
        Self::Later { wait: Some(wait), cause: Cause::Paused, tally: Tally::default(), part: None }
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Later { wait: None, cause: Cause::Compress(error) }
    }
}
