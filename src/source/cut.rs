//! Reads a stretch of a blob, cuts it into batches and packs them, in a task of its own: reading and checking go on while the batch before is
//! compressed and others are under way.
//!
//! Memory does not depend on the size of a blob, nor on how fast Axiom answers: rows as they came are in memory only while they are read and packed,
//! and [`Room`] bounds how many of them there are, over all visits. Beside it is what one answer of the service gives at a time, a few hundred KB.

use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use crate::azure::{ReadError, Reader};
use crate::batch::{Batch, BatchLimits, Batcher, Span};
use crate::body::Room;
use crate::lines::Lines;

/// How batches are made.
pub struct Cut<P> {
    /// Limits of one.
    pub limits: BatchLimits,
    /// Memory for the rows as they came.
    pub room: Room,
    /// Makes a batch ready to be sent.
    pub pack: P,
    /// A last line without an end is a line. Otherwise it is held back.
    pub settled: bool,
}

/// The packed batches of a stretch, in order. Dropping it stops the reading.
pub struct Batches<T> {
    receiver: mpsc::Receiver<Result<T, ReadError>>,
    _task: AbortOnDropHandle<()>,
}

impl<T: Send + 'static> Batches<T> {
    /// Reads stretches that begin and end with lines; only the last one may end with an unfinished line.
    #[must_use]
    pub fn open<P, F>(stretches: Vec<Span>, read: impl Fn(Span) -> Reader + Send + 'static, cut: Cut<P>) -> Self
    where
        P: Fn(Batch) -> F + Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let (sender, receiver) = mpsc::channel(1);
        let task = tokio::spawn(async move {
            let last = stretches.len().saturating_sub(1);
            let mut packing = Packing { cut, sender, under_way: None };
            for (index, stretch) in stretches.into_iter().enumerate() {
                match packing.stretch(read(stretch), stretch.start, index < last).await {
                    Ok(()) => {}
                    Err(Halt::Unwanted) => return,
                    Err(Halt::Read(error)) => {
                        // What was read before is good.
                        if packing.hand_over(None).await.is_ok() {
                            packing.sender.send(Err(error)).await.ok();
                        }
                        return;
                    }
                }
            }
            packing.hand_over(None).await.ok();
        });
        Self { receiver, _task: AbortOnDropHandle::new(task) }
    }

    /// The next batch; none when all of the stretch has come out. Safe to cancel.
    pub async fn next(&mut self) -> Option<Result<T, ReadError>> {
        self.receiver.recv().await
    }

    /// No batch but the one that may already wait.
    pub fn close(&mut self) {
        self.receiver.close();
    }
}

/// Why no more batches are made.
enum Halt {
    /// Nobody takes them.
    Unwanted,
    Read(ReadError),
}

struct Packing<P, T> {
    cut: Cut<P>,
    sender: mpsc::Sender<Result<T, ReadError>>,
    /// The batch before, being packed.
    under_way: Option<AbortOnDropHandle<T>>,
}

impl<P, F, T> Packing<P, T>
where
    P: Fn(Batch) -> F,
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    async fn stretch(&mut self, mut reader: Reader, offset: u64, more_follow: bool) -> Result<(), Halt> {
        let (mut lines, mut batcher) = (Lines::new(offset), Batcher::new(self.cut.limits, offset));
        let mut full = Vec::new();
        while let Some(bytes) = reader.next().await.map_err(Halt::Read)? {
            // Only now, with bytes at hand: a slow answer keeps no room from others.
            if batcher.wants_body() {
                batcher.move_to(self.cut.room.body().await);
            }
            lines.feed(&bytes, |line| full.extend(batcher.push(line)));
            for batch in full.drain(..) {
                self.pack(batch).await?;
            }
        }
        if self.cut.settled || more_follow {
            lines.finish(|line| full.extend(batcher.push(line)));
        }
        full.extend(batcher.cut());
        for batch in full {
            self.pack(batch).await?;
        }
        Ok(())
    }

    /// Begins to pack a batch, and hands over the one before it.
    async fn pack(&mut self, batch: Batch) -> Result<(), Halt> {
        self.hand_over(Some(AbortOnDropHandle::new(tokio::spawn((self.cut.pack)(batch))))).await
    }

    async fn hand_over(&mut self, next: Option<AbortOnDropHandle<T>>) -> Result<(), Halt> {
        let Some(task) = std::mem::replace(&mut self.under_way, next) else { return Ok(()) };
        match task.await {
            Ok(packed) => self.sender.send(Ok(packed)).await.map_err(|_| Halt::Unwanted),
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}
