//! From the bytes on the wire to rows: content encoding, content type, and where each row begins and ends.

use std::io::Read;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use hyper::HeaderMap;
use memchr::memchr_iter;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::csv;
use super::event;
use super::fault::Refusal;
use super::options::Rules;

/// One row of a body.
pub(crate) struct RawRow {
    /// Its bytes as sent: a line, or one element of an array.
    pub(crate) raw: Bytes,
    /// Its fields, once somebody parsed them, or why they cannot be had.
    pub(crate) fields: Option<Result<Map<String, Value>, String>>,
}

/// The header `name` as text, or nothing.
pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().trim()
}

/// Undoes the content encoding. An empty value and `1` mean none, because official clients send them so.
pub(crate) fn decompress(encoding: &str, wire: Bytes, rules: &Rules) -> Result<Bytes, Refusal> {
    let bytes = match encoding {
        "" | "1" | "identity" => wire,
        "gzip" => read_capped(MultiGzDecoder::new(&wire[..]), rules.body_max)?,
        "zstd" => read_capped(zstd::Decoder::with_buffer(&wire[..]).map_err(undecodable)?, rules.body_max)?,
        other => return Err(Refusal::new(400, format!("unsupported content encoding {other}"))),
    };
    if bytes.len() > rules.body_max { Err(too_large()) } else { Ok(bytes) }
}

/// The answer to a body that is too large.
pub(crate) fn too_large() -> Refusal {
    Refusal::new(413, "request body too large")
}

fn read_capped(reader: impl Read, most: usize) -> Result<Bytes, Refusal> {
    let mut bytes = Vec::new();
    // One byte more than the limit tells a body that is too large from one that fits exactly.
    reader.take(most as u64 + 1).read_to_end(&mut bytes).map_err(undecodable)?;
    Ok(bytes.into())
}

fn undecodable(error: impl std::fmt::Display) -> Refusal {
    Refusal::new(400, format!("body cannot be decoded: {error}"))
}

/// Lines that are not empty, unparsed.
pub(crate) fn lines(body: &Bytes) -> Vec<RawRow> {
    let ends = memchr_iter(b'\n', body).chain(std::iter::once(body.len()));
    let mut start = 0;
    let mut rows = Vec::new();
    for end in ends {
        let line = body.slice(start.min(end)..end);
        start = end + 1;
        if !line.trim_ascii().is_empty() {
            rows.push(RawRow { raw: line, fields: None });
        }
    }
    rows
}

/// All rows of a body, parsed, by its content type.
pub(crate) fn rows(
    headers: &HeaderMap,
    delimiter: Option<&str>,
    body: &Bytes,
    rules: &Rules,
) -> Result<Vec<RawRow>, Refusal> {
    let content_type = header(headers, "content-type").split(';').next().unwrap_or_default().trim();
    let mut rows = match content_type {
        "application/x-ndjson" | "application/nd-json" => lines(body),
        "application/json" if body.trim_ascii_start().starts_with(b"[") => elements(body)?,
        "application/json" => lines(body),
        "text/csv" => return comma_separated(header(headers, "x-axiom-csv-fields"), delimiter, body),
        other => return Err(Refusal::new(400, format!("unsupported content type {other:?}"))),
    };
    for row in &mut rows {
        row.fields = Some(event::parse(&row.raw, rules.depth));
    }
    Ok(rows)
}

fn elements(body: &Bytes) -> Result<Vec<RawRow>, Refusal> {
    let invalid = |error: serde_json::Error| Refusal::new(400, format!("invalid JSON array: {error}"));
    let elements: Vec<&RawValue> = serde_json::from_slice(body).map_err(invalid)?;
    let row = |element: &RawValue| RawRow { raw: body.slice_ref(element.get().as_bytes()), fields: None };
    Ok(elements.into_iter().map(row).collect())
}

/// Every value is a string. Names come from the header `X-Axiom-CSV-Fields`, else from the first record.
fn comma_separated(names: &str, delimiter: Option<&str>, body: &Bytes) -> Result<Vec<RawRow>, Refusal> {
    let delimiter = match delimiter.map(str::as_bytes) {
        None | Some([]) => b',',
        Some([byte]) => *byte,
        Some(_) => return Err(Refusal::new(400, "csv-delimiter is not one character")),
    };
    let invalid = |error| Refusal::new(400, format!("invalid CSV: {error}"));
    let mut records = csv::records(body, delimiter).map_err(invalid)?.into_iter();
    let names = if names.is_empty() {
        records.next().map(|record| record.cells).unwrap_or_default()
    } else {
        names.split(',').map(|name| name.trim().to_owned()).collect()
    };
    let row = |record: csv::Record| {
        let fields = if record.cells.len() == names.len() {
            Ok(names.iter().cloned().zip(record.cells.into_iter().map(Value::String)).collect())
        } else {
            Err(format!("{} cells for {} fields", record.cells.len(), names.len()))
        };
        RawRow { raw: record.raw, fields: Some(fields) }
    };
    Ok(records.map(row).collect())
}
