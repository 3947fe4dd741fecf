//! How near a run came to the limits of the query API, by the stand-in's own record. Pure.

use std::time::Duration;

use tokio::time::Instant;

use crate::loganalytics::Request;

/// The limits that may bind.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Queries at once.
    pub(super) places: usize,
    /// Queries in any stretch of `window`.
    pub(super) calls: usize,
    pub(super) window: Duration,
}

/// What a run made of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Used {
    pub(super) queries: usize,
    /// Queries that were told to wait.
    pub(super) told_to_wait: usize,
    /// Most queries in one stretch.
    pub(super) most_calls: usize,
    /// Time that places were busy, all together.
    pub(super) busy: Duration,
    /// Share of the places that were busy, from when they were first all taken until the last query began.
    pub(super) middle: Option<f64>,
    /// The least time that the limits leave for these queries.
    pub(super) least: Duration,
    /// From the first query to the end of the last one.
    pub(super) span: Duration,
}

impl Used {
    pub(super) fn of(requests: &[Request], limits: Limits) -> Self {
        let served: Vec<_> = requests.iter().filter(|request| request.status != 429).collect();
        let mut came: Vec<_> = served.iter().map(|request| request.began).collect();
        came.sort_unstable();
        let spans: Vec<_> = served.iter().filter_map(|request| Some((request.started?, request.ended?))).collect();
        let levels = levels(&spans);
        let busy = |from: Instant, to: Instant| -> Duration {
            let stretch = |pair: &[(Instant, usize)]| {
                let (begin, end) = (pair[0].0.clamp(from, to), pair[1].0.clamp(from, to));
                (end - begin) * u32::try_from(pair[0].1.min(limits.places)).expect("a few places")
            };
            levels.windows(2).map(stretch).sum()
        };
        let places = u32::try_from(limits.places).expect("a few places");
        let (first, last) = (came.first().copied(), spans.iter().map(|(_, ended)| *ended).max());
        let full = levels.iter().find(|(_, level)| *level >= limits.places).map(|(at, _)| *at);
        let last_start = spans.iter().map(|(started, _)| *started).max();
        let middle = full.zip(last_start).filter(|(full, last)| full < last);
        let all = first.zip(last).map_or(Duration::ZERO, |(first, last)| busy(first, last));
        let stretches = u32::try_from(served.len().div_ceil(limits.calls).saturating_sub(1)).unwrap_or(u32::MAX);
        Self {
            queries: served.len(),
            told_to_wait: requests.len() - served.len(),
            most_calls: most_within(&came, limits.window),
            busy: all,
            middle: middle
                .map(|(from, to)| busy(from, to).as_secs_f64() / (to - from).as_secs_f64() / f64::from(places)),
            least: (all / places).max(limits.window * stretches),
            span: first.zip(last).map_or(Duration::ZERO, |(first, last)| last - first),
        }
    }
}

/// How many stretches are open, from each moment at which that changes.
fn levels(spans: &[(Instant, Instant)]) -> Vec<(Instant, usize)> {
    let mut changes: Vec<_> = spans.iter().flat_map(|(from, to)| [(*from, true), (*to, false)]).collect();
    changes.sort_unstable();
    let mut level = 0;
    let step = |(at, begins): (Instant, bool)| {
        level = if begins { level + 1 } else { level - 1 };
        (at, level)
    };
    changes.into_iter().map(step).collect()
}

fn most_within(sorted: &[Instant], window: Duration) -> usize {
    let within = |(first, from): (usize, &Instant)| sorted[first..].partition_point(|at| *at < *from + window);
    sorted.iter().enumerate().map(within).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { places: 2, calls: 3, window: Duration::from_secs(30) };

    fn used(spans: &[(u64, u64)]) -> Used {
        let begin = Instant::now();
        let request = |(from, to): &(u64, u64)| {
            let at = |second: &u64| begin + Duration::from_secs(*second);
            Request { began: at(from), started: Some(at(from)), ended: Some(at(to)), status: 200, ..Request::new("") }
        };
        Used::of(&spans.iter().map(request).collect::<Vec<_>>(), LIMITS)
    }

    #[test]
    fn places_that_are_always_busy_are_the_bound() {
        let used = used(&[(0, 10), (0, 10), (10, 20), (10, 20)]);
        assert_eq!((used.busy, used.span), (Duration::from_secs(40), Duration::from_secs(20)));
        assert_eq!(used.middle, Some(1.0));
        assert_eq!((used.queries, used.most_calls, used.least), (4, 4, Duration::from_secs(30)));
    }

    #[test]
    fn what_is_idle_between_start_and_tail_shows() {
        let used = used(&[(0, 4), (2, 6), (8, 12), (10, 14)]);
        // From 2, when both were busy, to 10, when the last one began.
        assert_eq!(used.middle, Some((2 * 2 + 2 + 2) as f64 / 16.0));
        assert_eq!(used.busy, Duration::from_secs(16));
        assert_eq!(used.least, Duration::from_secs(30));
    }

    #[test]
    fn more_at_once_than_there_are_places_count_as_all_of_them() {
        let used = used(&[(0, 10), (0, 10), (0, 10)]);
        assert_eq!((used.busy, used.middle), (Duration::from_secs(20), None));
        let none = Used::of(&[], LIMITS);
        assert_eq!((none.queries, none.least, none.span), (0, Duration::ZERO, Duration::ZERO));
    }
}
