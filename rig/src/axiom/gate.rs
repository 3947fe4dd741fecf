//! A gate at which requests wait until a test lets them through: for what must happen while a request is under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Semaphore;

/// A gate that is shut at first. Clones are the same gate.
#[derive(Debug, Clone)]
pub struct Gate(Arc<State>);

#[derive(Debug)]
struct State {
    passes: Semaphore,
    waiting: AtomicUsize,
    most: AtomicUsize,
}

impl Gate {
    /// A shut gate.
    #[must_use]
    pub fn shut() -> Self {
        Self(Arc::new(State { passes: Semaphore::new(0), waiting: AtomicUsize::new(0), most: AtomicUsize::new(0) }))
    }

    /// Lets everything through from now on.
    pub fn open(&self) {
        self.0.passes.close();
    }

    /// Lets so many requests through, those that wait first.
    pub fn let_through(&self, requests: usize) {
        self.0.passes.add_permits(requests);
    }

    /// Requests that wait now.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.0.waiting.load(Ordering::SeqCst)
    }

    /// Most requests that have waited at one time.
    #[must_use]
    pub fn most_waiting(&self) -> usize {
        self.0.most.load(Ordering::SeqCst)
    }

    /// Waits; a request whose client gives up stops waiting.
    pub(crate) async fn pass(&self) {
        let _waiting = Waiting::begin(&self.0);
        // An error says that the gate is open.
        if let Ok(pass) = self.0.passes.acquire().await {
            pass.forget();
        }
    }
}

impl PartialEq for Gate {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

struct Waiting<'a>(&'a State);

impl<'a> Waiting<'a> {
    fn begin(state: &'a State) -> Self {
        let waiting = state.waiting.fetch_add(1, Ordering::SeqCst) + 1;
        state.most.fetch_max(waiting, Ordering::SeqCst);
        Self(state)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lets_through_as_many_as_it_is_told() {
        let gate = Gate::shut();
        let pass = || {
            let gate = gate.clone();
            tokio::spawn(async move { gate.pass().await })
        };
        let (first, second, gone) = (pass(), pass(), pass());
        while gate.waiting() < 3 {
            tokio::task::yield_now().await;
        }
        gone.abort();
        assert!(gone.await.unwrap_err().is_cancelled());
        assert_eq!((gate.waiting(), gate.most_waiting()), (2, 3), "one that gave up does not wait");
        gate.let_through(1);
        first.await.unwrap();
        assert!(!second.is_finished());
        gate.open();
        second.await.unwrap();
        gate.pass().await;
        assert_eq!(gate.waiting(), 0);
    }
}
