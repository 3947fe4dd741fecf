//! Candidates take turns, so that all see the same moods of the machine.

use std::time::Duration;

use cpu_time::ThreadTime;

/// One way to do a stage.
pub(crate) struct Candidate<'a> {
    pub(crate) name: &'static str,
    /// Does all of the work once.
    pub(crate) run: Box<dyn FnMut() + 'a>,
}

impl<'a> Candidate<'a> {
    pub(crate) fn new(name: &'static str, run: impl FnMut() + 'a) -> Self {
        Self { name, run: Box::new(run) }
    }
}

/// The median CPU time of each.
pub(crate) fn in_turn(candidates: &mut [Candidate<'_>], rounds: usize) -> Vec<Duration> {
    let mut times = vec![Vec::new(); candidates.len()];
    for _ in 0..rounds {
        for (candidate, times) in candidates.iter_mut().zip(&mut times) {
            let begin = ThreadTime::now();
            (candidate.run)();
            times.push(begin.elapsed());
        }
    }
    times.into_iter().map(median).collect()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// MB (10^6 bytes) in a second of CPU time.
pub(crate) fn speed(bytes: usize, time: Duration) -> f64 {
    bytes as f64 / 1e6 / time.as_secs_f64()
}
