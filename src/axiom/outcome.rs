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

/// A batch that is not delivered. Nothing of it may be forgotten, though rows of it may be in Axiom already: sending it again may duplicate those.
#[derive(Debug, thiserror::Error)]
pub enum Undelivered {
    /// Settings or rights must change first. Trying again soon is useless.
    #[error("{advice}")]
    Configuration {
        /// What is wrong, and what to do about it.
        advice: String,
        /// What was tried.
        tally: Tally,
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
    },
}

impl Undelivered {
    /// What was tried. Its `rows` are in Axiom and will be sent again.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        let (Self::Configuration { tally, .. } | Self::Later { tally, .. }) = self;
        tally
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
    pub(super) fn with(self, tally: Tally) -> Undelivered {
        match self {
            Self::Configuration(advice) => Undelivered::Configuration { advice, tally },
            Self::Later { wait, cause } => Undelivered::Later { wait, cause, tally },
        }
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Later { wait: None, cause: Cause::Compress(error) }
    }
}
