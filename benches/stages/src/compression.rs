//! Compression of bodies of 4 MiB, one table each.

use std::hint::black_box;
use std::io::{Read as _, Write as _};
use std::ops::Range;

use flate2::Compression;
use libdeflater::{CompressionLvl, Compressor as Deflate};
use zstd::bulk::Compressor;
use zstd::zstd_safe::CParameter;

use crate::measure::{Candidate, in_turn, speed};
use crate::price;

const BATCH: usize = 4 << 20;

/// Compresses one body.
type Codec = Box<dyn FnMut(&[u8]) -> Vec<u8>>;
/// Gives the body back.
type Expand = fn(&[u8], usize) -> Vec<u8>;

/// Prints the table, and gives the bodies as the program makes them.
pub(crate) fn run(tables: &[Vec<u8>], rounds: usize) -> anyhow::Result<Vec<Vec<u8>>> {
    let batches: Vec<&[u8]> = tables.iter().flat_map(|rows| cut(rows).map(|range| &rows[range])).collect();
    let bytes: usize = batches.iter().map(|batch| batch.len()).sum();
    let mut codecs: Vec<(&'static str, Codec, Expand)> = vec![
        ("**zstd 1, window 4 MiB, table 2^15, one shot, context kept**", one_shot(1, 22, Some(15))?, unzstd),
        ("zstd 1, window 2 MiB, table 2^14", one_shot(1, 21, None)?, unzstd),
        ("zstd 1, window 4 MiB, table 2^16", one_shot(1, 22, Some(16))?, unzstd),
        ("zstd 1, its own window of 512 KiB", one_shot(1, 19, None)?, unzstd),
        ("zstd 1, the same, a stream with a fresh encoder", Box::new(streamed), unzstd),
        ("zstd 3", one_shot(3, 22, None)?, unzstd),
        ("zstd 6", one_shot(6, 22, None)?, unzstd),
        ("**zstd 8**", one_shot(8, 22, None)?, unzstd),
        ("zstd 10", one_shot(10, 22, None)?, unzstd),
        ("zstd 12", one_shot(12, 22, None)?, unzstd),
        ("lz4", Box::new(lz4_flex::compress), |wire, size| lz4_flex::decompress(wire, size).expect("its own")),
        ("gzip 1 (zlib-rs)", gzip(1), gunzip),
        ("gzip 6 (zlib-rs)", gzip(6), gunzip),
        ("gzip 1 (libdeflate)", deflate(1), gunzip),
        ("gzip 6 (libdeflate)", deflate(6), gunzip),
    ];
    let mut wires = Vec::new();
    for (name, codec, expand) in &mut codecs {
        let bodies: Vec<Vec<u8>> = batches.iter().map(|batch| codec(batch)).collect();
        assert!(batches.iter().zip(&bodies).all(|(batch, wire)| expand(wire, batch.len()) == *batch), "{name}");
        wires.push(bodies);
    }
    let mut candidates: Vec<Candidate<'_>> = codecs
        .iter_mut()
        .map(|(name, codec, _)| Candidate::new(name, || batches.iter().for_each(|batch| drop(black_box(codec(batch))))))
        .collect();
    println!("\n| compression | MB/CPU-s | ratio | $/TB, this stage and egress |\n|---|--:|--:|--:|");
    let times = in_turn(&mut candidates, rounds);
    for ((candidate, time), bodies) in candidates.iter().zip(times).zip(&wires) {
        let ratio = bytes as f64 / bodies.iter().map(Vec::len).sum::<usize>() as f64;
        let speed = speed(bytes, time);
        println!("| {} | {speed:.0} | {ratio:.2} | {:.2} |", candidate.name, price::terabyte(speed, ratio));
    }
    Ok(wires.swap_remove(0))
}

/// Whole rows, up to a batch.
fn cut(rows: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let most = rows.len().min(start + BATCH);
        let end = memchr::memrchr(b'\n', &rows[start..most]).map(|at| start + at + 1)?;
        let range = start..end;
        start = end;
        Some(range)
    })
}

fn one_shot(level: i32, window: u32, table: Option<u32>) -> anyhow::Result<Codec> {
    let mut context = Compressor::new(level)?;
    context.set_parameter(CParameter::WindowLog(window))?;
    context.set_parameter(CParameter::HashLog(table.unwrap_or_default()))?;
    Ok(Box::new(move |body| context.compress(body).expect("memory")))
}

fn streamed(body: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).expect("memory");
    body.chunks(64 << 10).for_each(|chunk| encoder.write_all(chunk).expect("memory"));
    encoder.finish().expect("memory")
}

fn gzip(level: u32) -> Codec {
    Box::new(move |body| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Compression::new(level));
        encoder.write_all(body).expect("memory");
        encoder.finish().expect("memory")
    })
}

fn deflate(level: i32) -> Codec {
    let mut context = Deflate::new(CompressionLvl::new(level).expect("a level"));
    Box::new(move |body| {
        let mut wire = vec![0; context.gzip_compress_bound(body.len())];
        let length = context.gzip_compress(body, &mut wire).expect("as much as may be needed");
        wire.truncate(length);
        wire
    })
}

fn unzstd(wire: &[u8], size: usize) -> Vec<u8> {
    zstd::bulk::decompress(wire, size).expect("its own")
}

fn gunzip(wire: &[u8], size: usize) -> Vec<u8> {
    let mut body = Vec::with_capacity(size);
    flate2::read::GzDecoder::new(wire).read_to_end(&mut body).expect("its own");
    body
}
