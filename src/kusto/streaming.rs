//! Streaming ingestion: rows are there with the answer, in pieces of at most 4 MB.

use reqwest::header::CONTENT_TYPE;

use super::KustoError;
use super::rest::Rest;

/// Bytes of rows in a request. "Streaming ingestion" allows 4 MB.
const PIECE: usize = 3_500_000;

/// Stores one of the pieces.
pub(super) async fn ingest(rest: &Rest, to: (&str, &str, &str), piece: &[u8]) -> Result<(), KustoError> {
    let request = rest.client.post(rest.streaming(to)).header(CONTENT_TYPE, "application/json").body(piece.to_vec());
    rest.send("stream rows into the table", request).await.map(drop)
}

/// Whole lines, as many as fit; a longer one alone.
pub(super) fn pieces(mut lines: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        if lines.is_empty() {
            return None;
        }
        let most = lines.len().min(PIECE);
        let end = match memchr::memrchr(b'\n', &lines[..most]) {
            Some(end) => end + 1,
            None => memchr::memchr(b'\n', lines).map_or(lines.len(), |end| end + 1),
        };
        let (piece, rest) = lines.split_at(end);
        lines = rest;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_whole_lines_and_all_of_them() {
        let line = |length: usize| [vec![b'x'; length], b"\n".to_vec()].concat();
        let lines = [line(2_000_000), line(1_000_000), line(5_000_000), line(10)].concat();
        let lengths: Vec<_> = pieces(&lines).map(<[u8]>::len).collect();
        assert_eq!(lengths, [3_000_002, 5_000_001, 11]);
        assert_eq!(pieces(b"").count(), 0);
    }
}
