//! From bytes to lines: any chunks give the same lines, no byte is missing, and every line stands where it says.
//!
//! Input: the length of the chunks, one byte each, up to a zero; then the text. Lines longer than `LONGEST_LINE` come out in pieces that depend
//! on the chunks; inputs here are far shorter.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sentinel_axiom::lines::{Line, Lines};

const OFFSET: u64 = 1_000_003;

#[derive(Debug, PartialEq, Eq)]
struct Seen {
    start: u64,
    end: u64,
    bytes: Vec<u8>,
}

fuzz_target!(|data: &[u8]| {
    let zero = data.iter().position(|byte| *byte == 0).unwrap_or(0);
    let (sizes, text) = (&data[..zero], data.get(zero + 1..).unwrap_or_default());
    let whole = cut(text, &[], true);
    assert_eq!(cut(text, sizes, true), whole, "the chunks show in the lines");
    let complete = text.iter().filter(|byte| **byte == b'\n').count();
    assert_eq!(cut(text, sizes, false)[..], whole[..complete], "a held back line changed those before it");
    covers_everything(text, &whole);
});

fn cut(text: &[u8], sizes: &[u8], finish: bool) -> Vec<Seen> {
    let (mut lines, mut seen, mut rest) = (Lines::new(OFFSET), Vec::new(), text);
    let mut each = |line: Line<'_>| {
        assert!(!line.piece, "a short line came out in pieces");
        seen.push(Seen { start: line.start, end: line.end, bytes: line.bytes.to_vec() });
    };
    let mut sizes = sizes.iter().cycle();
    while !rest.is_empty() {
        let size = sizes.next().map_or(rest.len(), |size| usize::from(*size)).min(rest.len());
        let (chunk, after) = rest.split_at(size);
        lines.feed(chunk, &mut each);
        rest = after;
    }
    let end = OFFSET + text.len() as u64;
    assert_eq!(lines.boundary() + lines.held_back() as u64, end, "bytes are missing");
    if finish {
        lines.finish(&mut each);
        assert_eq!(lines.boundary(), end, "the last line is missing");
    }
    seen
}

fn covers_everything(text: &[u8], lines: &[Seen]) {
    let mut at = OFFSET;
    for line in lines {
        assert_eq!(line.start, at, "a gap or an overlap");
        at = line.end;
        let place = |offset: u64| usize::try_from(offset - OFFSET).expect("inputs are short");
        let source = &text[place(line.start)..place(line.end)];
        let bare = source.strip_suffix(b"\n").unwrap_or(source);
        assert_eq!(line.bytes, bare.strip_suffix(b"\r").unwrap_or(bare), "the bytes are not those of the source");
        assert!(!line.bytes.contains(&b'\n'));
    }
    assert_eq!(at, OFFSET + text.len() as u64);
}
