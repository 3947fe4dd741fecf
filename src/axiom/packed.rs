//! A batch made ready to be sent: its rows are compressed, and only the compressed bytes stay in memory.

use std::io;
use std::ops::Range;

use super::compress::Zstd;
use super::piece::{Piece, bytes_of, cut};
use crate::batch::{Batch, Refused, Row, Span};
use crate::body::Body;

/// A batch of which the rows are compressed.
#[derive(Debug)]
pub struct Packed {
    pub(super) span: Span,
    pub(super) rows: Vec<Row>,
    pub(super) refused: Vec<Refused>,
    /// Bytes of the rows before compression.
    pub(super) body_bytes: u64,
    pub(super) level: i32,
    /// The first on top. An error is that of the delivery, which comes next.
    pub(super) pieces: io::Result<Vec<Piece>>,
    table: Option<String>,
}

impl Packed {
    pub(super) async fn new(zstd: &Zstd, batch: Batch, level: i32, largest: usize) -> Self {
        let table = batch.table();
        let Batch { span, body, rows, refused } = batch;
        let body_bytes = body.len() as u64;
        let parts = cut(&rows, largest);
        let pieces = pack(zstd, &rows, body, 0, parts, level).await;
        Self { span, rows, refused, body_bytes, level, pieces, table }
    }

    /// The table that the rows name; see [`Batch::table`].
    #[must_use]
    pub fn table(&self) -> Option<&str> {
        self.table.as_deref()
    }
}

/// Compresses parts of a body that starts at `base` of the batch's, and gives them as a stack: the first on top.
pub(super) async fn pack(
    zstd: &Zstd,
    rows: &[Row],
    body: Body,
    base: usize,
    parts: Vec<Range<usize>>,
    level: i32,
) -> io::Result<Vec<Piece>> {
    let within = parts.iter().map(|part| {
        let bytes = bytes_of(rows, part);
        bytes.start - base..bytes.end - base
    });
    let frames = zstd.compress(body, within.collect(), level).await?;
    Ok(parts.into_iter().zip(frames).map(|(rows, wire)| Piece { rows, wire }).rev().collect())
}
