//! Memory for rows as they came. It bounds the program: there are so many bodies of this kind, over all visits, and each is used again and again.
//!
//! Made anew for each batch, a body costs more than its rows: the allocator takes its pages from the kernel and gives them back, page by page.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A fixed number of bodies; clones share them.
#[derive(Debug, Clone)]
pub struct Room {
    free: Arc<Semaphore>,
    idle: Idle,
    bytes: usize,
}

type Idle = Arc<Mutex<Vec<Vec<u8>>>>;

impl Room {
    /// Room for `bodies` bodies, of `bytes` bytes each.
    #[must_use]
    pub fn new(bodies: usize, bytes: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(bodies)), idle: Idle::default(), bytes }
    }

    /// An empty body, as soon as there is one.
    pub async fn body(&self) -> Body {
        let permit = Arc::clone(&self.free).acquire_owned().await.expect("the semaphore is never closed");
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let bytes = idle.unwrap_or_else(|| Vec::with_capacity(self.bytes));
        Body { bytes, home: Some(Home { idle: Arc::clone(&self.idle), _permit: permit }) }
    }
}

/// Rows, each followed by `\n`. One out of a [`Room`] goes back when it is dropped.
#[derive(Debug, Default)]
pub struct Body {
    bytes: Vec<u8>,
    home: Option<Home>,
}

#[derive(Debug)]
struct Home {
    idle: Idle,
    _permit: OwnedSemaphorePermit,
}

impl Body {
    /// Whether it has its memory out of a [`Room`], and not beside it.
    #[must_use]
    pub fn is_housed(&self) -> bool {
        self.home.is_some()
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        if let Some(home) = &self.home {
            let mut bytes = std::mem::take(&mut self.bytes);
            bytes.clear();
            home.idle.lock().unwrap_or_else(PoisonError::into_inner).push(bytes);
        }
    }
}

impl Deref for Body {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.bytes
    }
}

impl DerefMut for Body {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }
}

impl From<Vec<u8>> for Body {
    /// Memory beside any room, for little.
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes, home: None }
    }
}

impl PartialEq for Body {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Body {}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn a_body_is_used_again_and_there_are_no_more_than_there_is_room_for() {
        let room = Room::new(2, 100);
        let (mut first, second) = (room.body().await, room.body().await);
        assert!(room.body().now_or_never().is_none(), "both are taken");
        first.extend_from_slice(b"rows");
        let memory = first.as_ptr();
        drop(first);
        let again = room.body().now_or_never().expect("one came back");
        assert_eq!((again.as_ptr(), again.len(), again.capacity()), (memory, 0, 100));
        drop((again, second));
        assert!(room.body().now_or_never().is_some_and(|body| body.is_housed()));
        assert!(!Body::from(Vec::new()).is_housed());
    }
}
