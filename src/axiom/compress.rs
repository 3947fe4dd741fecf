//! Compression of bodies: zstd in one shot, with contexts that are used again.
//!
//! One-shot compression is a fifth quicker than a stream with a fresh encoder, and the frame names its content size, so that the other side (and we, when a
//! batch must be halved) can allocate once. A checksum is left out: TLS has one.

use std::io;
use std::num::NonZero;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::task;
use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::CParameter;

use crate::body::Body;

/// Bodies below this many bytes are compressed where they are: handing them to another thread costs more than the work.
const INLINE: usize = 16 * 1024;

/// Compresses and expands bodies; clones share their contexts.
#[derive(Clone)]
pub(super) struct Zstd {
    /// A permit for each core. More at a time would not be quicker, and each has match tables: a few hundred KiB at level 1, some MiB at high levels.
    cores: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Compressor<'static>>>>,
}

impl Default for Zstd {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self { cores: Arc::new(Semaphore::new(cores)), idle: Arc::default() }
    }
}

impl Zstd {
    /// Compresses the `parts` of a body, each into a frame of its own, and drops the body: from here on only the compressed bytes stay in memory.
    pub(super) async fn compress(&self, body: Body, parts: Vec<Range<usize>>, level: i32) -> io::Result<Vec<Bytes>> {
        if body.len() < INLINE {
            return self.compress_now(&body, parts, level);
        }
        let permit = Arc::clone(&self.cores).acquire_owned().await.expect("the semaphore is never closed");
        let this = self.clone();
        let compress = move || {
            let _permit = permit;
            this.compress_now(&body, parts, level)
        };
        join(task::spawn_blocking(compress).await)
    }

    /// The `size` bytes that were compressed into `wire`.
    pub(super) async fn expand(wire: Bytes, size: usize) -> io::Result<Vec<u8>> {
        // The size is our own knowledge and bounds what is allocated.
        let expand = move || Decompressor::new()?.decompress(&wire, size);
        if size < INLINE { expand() } else { join(task::spawn_blocking(expand).await) }
    }

    fn compress_now(&self, body: &[u8], parts: Vec<Range<usize>>, level: i32) -> io::Result<Vec<Bytes>> {
        let mut context = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
        context.set_parameter(CParameter::CompressionLevel(level))?;
        // A batch's worth. Level 1 would look back on 512 KiB, through a table of half the size: together they find 3 % more at the same speed.
        context.set_parameter(CParameter::WindowLog(22))?;
        context.set_parameter(CParameter::HashLog(if level == 1 { 15 } else { 0 }))?;
        let frames = parts.into_iter().map(|part| {
            let mut frame = context.compress(&body[part])?;
            // The buffer was made for incompressible data, so nine tenths of it are unused.
            frame.shrink_to_fit();
            Ok(Bytes::from(frame))
        });
        let frames = frames.collect();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(context);
        frames
    }
}

/// The result of a blocking task. A panic in there goes on here, so that it ends this visit.
fn join<T>(result: Result<io::Result<T>, task::JoinError>) -> io::Result<T> {
    match result {
        Ok(result) => result,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(error) => Err(io::Error::other(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn parts_come_back_as_they_were() {
        let zstd = Zstd::default();
        let seed = 11;
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        for (size, level) in [(0, 1), (1, 1), (5_000, 3), (200_000, 1), (3_000_000, 1), (300_000, 9), (100, 19)] {
            let body: Vec<u8> = (0..size).map(|_| random.u8(b'a'..=b'p')).collect();
            let cut = random.usize(0..=size);
            let frames = zstd.compress(body.clone().into(), vec![0..cut, cut..size], level).await.unwrap();
            assert_eq!(frames.len(), 2);
            let sizes = [cut, size - cut];
            let mut back = Vec::new();
            for (frame, size) in frames.into_iter().zip(sizes) {
                assert_eq!(zstd::bulk::Decompressor::upper_bound(&frame), Some(size), "the frame names its size");
                assert_eq!(frame[4] & 0b100, 0, "and has no checksum");
                back.extend(Zstd::expand(frame, size).await.unwrap());
            }
            assert_eq!(back, body);
        }
        assert_eq!(zstd.idle.lock().unwrap().len(), 1, "one context served them all");
    }

    #[tokio::test]
    async fn expanding_is_bounded() {
        let zstd = Zstd::default();
        let frame = zstd
            .compress(vec![0; 1_000_000].into(), std::iter::once(0..1_000_000).collect(), 1)
            .await
            .unwrap()
            .remove(0);
        assert!(frame.len() < 1000);
        assert!(Zstd::expand(frame, 999_999).await.is_err());
    }
}
