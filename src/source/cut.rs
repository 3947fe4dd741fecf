//! Reads a stretch of a blob and cuts it into batches, in a task of its own: validation and the reading of the next window go on while
//! earlier batches are under way. At most one batch waits, so memory does not depend on the size of the blob.

use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use crate::azure::{ReadError, Reader};
use crate::batch::{Batch, BatchLimits, Batcher, Span};
use crate::lines::Lines;

/// The batches of a stretch, in order. Dropping it stops the reading.
pub struct Batches {
    receiver: mpsc::Receiver<Result<Batch, ReadError>>,
    _task: AbortOnDropHandle<()>,
}

impl Batches {
    /// Reads stretches that begin and end with lines. With `settled`, a last line of the last one without an end is a line; without, it is held back.
    #[must_use]
    pub fn open(
        stretches: Vec<Span>,
        read: impl Fn(Span) -> Reader + Send + 'static,
        settled: bool,
        limits: BatchLimits,
    ) -> Self {
        let (sender, receiver) = mpsc::channel(1);
        let task = tokio::spawn(async move {
            let last = stretches.len().saturating_sub(1);
            for (index, stretch) in stretches.into_iter().enumerate() {
                let finish = settled || index < last;
                if let Err(error) = cut(read(stretch), stretch.start, finish, limits, &sender).await {
                    sender.send(Err(error)).await.ok();
                    return;
                }
            }
        });
        Self { receiver, _task: AbortOnDropHandle::new(task) }
    }

    /// The next batch; none when all of the stretch has come out. Safe to cancel.
    pub async fn next(&mut self) -> Option<Result<Batch, ReadError>> {
        self.receiver.recv().await
    }

    /// No batch but the one that may already wait.
    pub fn close(&mut self) {
        self.receiver.close();
    }
}

async fn cut(
    mut reader: Reader,
    offset: u64,
    finish: bool,
    limits: BatchLimits,
    sender: &mpsc::Sender<Result<Batch, ReadError>>,
) -> Result<(), ReadError> {
    let (mut lines, mut batcher) = (Lines::new(offset), Batcher::new(limits, offset));
    let mut full = Vec::new();
    while let Some(bytes) = reader.next().await? {
        lines.feed(&bytes, |line| full.extend(batcher.push(line)));
        for batch in full.drain(..) {
            if sender.send(Ok(batch)).await.is_err() {
                return Ok(()); // Nobody wants more.
            }
        }
    }
    if finish {
        lines.finish(|line| full.extend(batcher.push(line)));
    }
    full.extend(batcher.cut());
    for batch in full {
        if sender.send(Ok(batch)).await.is_err() {
            break;
        }
    }
    Ok(())
}
