//! When the next kill comes. Pure; the dice are handed in.

use std::time::Duration;

use fastrand::Rng;

/// One life of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Life {
    /// Whether it begins while the claims of the one before still hold, and has to wait for them.
    pub(super) at_once: bool,
    /// When it is killed.
    pub(super) until: When,
}

/// What has to happen before a kill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// So many further rows have arrived.
    Rows(u64),
    /// So many further queries have come.
    Queries(usize),
    /// So long after the start.
    After(Duration),
    /// All rows of so many slices have arrived; and a moment later, in which the last of them may be written down as done.
    Complete {
        /// Slices.
        slices: usize,
        /// The moment.
        later: Duration,
    },
}

/// How far both are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Progress {
    /// Share of the rows that are written down as done.
    pub(super) done: f64,
    /// Share of the kills.
    pub(super) killed: f64,
    /// Rows of a usual slice.
    pub(super) slice: u64,
}

/// Share of the lives that begin while the claims of the one before still hold.
const AT_ONCE: f64 = 0.2;

/// How much may be done when all kills have been: the rest is for the run that ends by itself.
const DONE: f64 = 0.8;

/// Draws one. A run that is far already gets little time, so that it does not end before its time.
pub(super) fn draw(random: &mut Rng, progress: Progress) -> Life {
    Life { at_once: random.f64() < AT_ONCE, until: when(random, progress) }
}

fn when(random: &mut Rng, progress: Progress) -> When {
    let Progress { done, killed, slice } = progress;
    let little = done >= killed * DONE;
    let milliseconds = |random: &mut Rng, most: u64| Duration::from_millis(random.u64(0..=most));
    match (random.u8(0..4), little) {
        (0, true) => When::Rows(random.u64(1..=slice.max(2) / 2)),
        (0, false) => When::Rows(random.u64(1..=slice * 4)),
        (1, true) => When::Queries(random.usize(0..=12)),
        (1, false) => When::Queries(random.usize(0..=40)),
        (2, true) => When::After(milliseconds(random, 1000)),
        (2, false) => When::After(milliseconds(random, 6000)),
        (_, true) => When::Complete { slices: 1, later: milliseconds(random, 3) },
        (_, false) => When::Complete { slices: random.usize(1..=3), later: milliseconds(random, 30) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_kinds_are_drawn_and_a_run_that_is_far_gets_little_time() {
        let draws = |done| {
            let mut random = Rng::with_seed(3);
            let progress = Progress { done, killed: 0.5, slice: 1000 };
            (0..200).map(|_| draw(&mut random, progress).until).collect::<Vec<_>>()
        };
        let most = |done| {
            let rows = |when: &When| if let When::Rows(rows) = when { Some(*rows) } else { None };
            draws(done).iter().filter_map(rows).max().unwrap()
        };
        assert!(most(0.3) > 1000 && most(0.9) <= 500);
        for kind in [
            |when: &When| matches!(when, When::Rows(_)),
            |when: &When| matches!(when, When::Queries(_)),
            |when: &When| matches!(when, When::After(_)),
            |when: &When| matches!(when, When::Complete { .. }),
        ] {
            assert!(draws(0.3).iter().any(kind) && draws(0.9).iter().any(kind));
        }
        assert_eq!(draws(0.3), draws(0.3));
    }
}
