//! CSV bodies (RFC 4180): records, with quotes, doubled quotes and line breaks inside quotes.

use bytes::Bytes;

/// One record: its bytes as sent, without the line break, and its cells.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) raw: Bytes,
    pub(crate) cells: Vec<String>,
}

/// Splits a body into records; empty lines are none. An open quote at the end, or bytes that are not UTF-8, are an error.
pub(crate) fn records(body: &Bytes, delimiter: u8) -> Result<Vec<Record>, String> {
    let (mut records, mut cells, mut cell) = (Vec::new(), Vec::new(), Vec::new());
    let (mut quoted, mut start, mut at) = (false, 0, 0);
    while at <= body.len() {
        match body.get(at).copied() {
            Some(b'"') if quoted && body.get(at + 1) == Some(&b'"') => {
                cell.push(b'"');
                at += 1;
            }
            Some(b'"') if quoted || cell.is_empty() => quoted = !quoted,
            None if quoted => return Err("quote is not closed".to_owned()),
            Some(byte) if quoted => cell.push(byte),
            Some(byte) if byte == delimiter => cells.push(text(&mut cell)?),
            Some(b'\n') | None => {
                let line = &body[start..at];
                let end = start + line.strip_suffix(b"\r").unwrap_or(line).len();
                if end > start {
                    if end < at && cell.last() == Some(&b'\r') {
                        cell.pop();
                    }
                    cells.push(text(&mut cell)?);
                    records.push(Record { raw: body.slice(start..end), cells: std::mem::take(&mut cells) });
                }
                cell.clear();
                start = at + 1;
            }
            Some(byte) => cell.push(byte),
        }
        at += 1;
    }
    Ok(records)
}

fn text(cell: &mut Vec<u8>) -> Result<String, String> {
    String::from_utf8(std::mem::take(cell)).map_err(|_| "cell is not UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies() {
        let check = |body: &'static str, delimiter, expected: Result<&[&[&str]], &str>| {
            let records = records(&Bytes::from_static(body.as_bytes()), delimiter);
            let cells = records.map(|records| records.into_iter().map(|record| record.cells).collect::<Vec<_>>());
            let expected = expected
                .map(|rows| rows.iter().map(|row| row.iter().map(|cell| (*cell).to_owned()).collect()).collect());
            assert_eq!(cells, expected.map_err(str::to_owned), "{body:?}");
        };
        check("a,b\n1,2\n", b',', Ok(&[&["a", "b"], &["1", "2"]]));
        check("a;b\r\n1;2", b';', Ok(&[&["a", "b"], &["1", "2"]]));
        check("\"a,\"\"b\"\"\",\"c\nd\"\n,\n", b',', Ok(&[&["a,\"b\"", "c\nd"], &["", ""]]));
        check("\n\n", b',', Ok(&[]));
        check("\"a", b',', Err("quote is not closed"));
    }

    #[test]
    fn records_keep_their_bytes() {
        let body = Bytes::from_static(b"a,b\r\n\"x\",2\n");
        let raw: Vec<_> = records(&body, b',').into_iter().flatten().map(|record| record.raw).collect();
        assert_eq!(raw, [&b"a,b"[..], b"\"x\",2"]);
    }
}
