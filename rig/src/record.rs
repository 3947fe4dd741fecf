//! The record of requests.

use std::collections::VecDeque;

/// The most recent requests, by number.
#[derive(Debug)]
pub(crate) struct Record<T> {
    first: u64,
    ring: VecDeque<T>,
}

impl<T> Default for Record<T> {
    fn default() -> Self {
        Self { first: 0, ring: VecDeque::new() }
    }
}

impl<T: Clone> Record<T> {
    /// Adds a request, forgets the oldest beyond `most`, and returns its number.
    pub(crate) fn push(&mut self, request: T, most: usize) -> u64 {
        self.ring.push_back(request);
        while self.ring.len() > most {
            self.ring.pop_front();
            self.first += 1;
        }
        (self.first + self.ring.len() as u64).saturating_sub(1)
    }

    /// Changes a request that is still remembered.
    pub(crate) fn update(&mut self, number: u64, change: impl FnOnce(&mut T)) {
        let place = number.checked_sub(self.first).and_then(|place| usize::try_from(place).ok());
        if let Some(request) = place.and_then(|place| self.ring.get_mut(place)) {
            change(request);
        }
    }

    pub(crate) fn all(&self) -> Vec<T> {
        self.ring.iter().cloned().collect()
    }
}
