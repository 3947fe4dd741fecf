//! From bytes to lines.

use std::hint::black_box;

use crate::lines::Lines;
use crate::measure::{Candidate, in_turn, speed};

/// Bytes that come at a time, as from a connection with TLS.
const CHUNK: usize = 16 << 10;

pub(crate) fn run(rows: &[u8], rounds: usize) {
    let ours = || {
        let (mut lines, mut count) = (Lines::new(0), 0_usize);
        rows.chunks(CHUNK)
            .for_each(|chunk| lines.feed(chunk, |line| count += usize::from(!black_box(line.bytes).is_empty())));
        count
    };
    let split = || rows.split(|byte| *byte == b'\n').filter(|line| !black_box(line).is_empty()).count();
    let memchr = || memchr::memchr_iter(b'\n', rows).count();
    assert_eq!((ours(), split()), (memchr(), memchr()), "all find the same lines");
    let mut copy = vec![0; rows.len()];
    let mut candidates = [
        Candidate::new("**lines.rs, in chunks of 16 KiB**", || assert!(ours() > 0)),
        Candidate::new("memchr alone", || assert!(memchr() > 0)),
        Candidate::new("slice::split, byte by byte", || assert!(split() > 0)),
        Candidate::new("a copy, for comparison", || black_box(&mut copy).copy_from_slice(rows)),
    ];
    println!("\n| framing | MB/CPU-s |\n|---|--:|");
    let times = in_turn(&mut candidates, rounds);
    for (candidate, time) in candidates.iter().zip(times) {
        println!("| {} | {:.0} |", candidate.name, speed(rows.len(), time));
    }
}
