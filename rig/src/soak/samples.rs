//! What a soak looks at while it goes, and the verdict on it.

use std::fmt;
use std::time::Duration;

use anyhow::Context as _;

/// Resident memory may grow by this factor after the first minute, no more.
const GROWTH: f64 = 1.10;
/// From here on memory is compared: buffers and connections have their size by then.
const WARM: Duration = Duration::from_secs(60);
/// Over how long memory is averaged at both ends, at least; a longer run is averaged over a tenth of it. What is in flight differs from one moment
/// to the next.
const WINDOW: Duration = Duration::from_secs(20);

/// One look.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    /// Since the start.
    pub(super) at: Duration,
    /// Resident memory of the program, in bytes.
    pub(super) resident: u64,
    /// Age of the oldest row that has not arrived, of all tables.
    pub(super) lag: Duration,
}

/// How it went.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Verdict {
    /// Mean resident memory after the first minute and at the end, in MiB.
    pub(super) resident: (f64, f64),
    /// Mean lag in the second quarter and in the last one.
    pub(super) lag: (Duration, Duration),
    /// What is not as it should be.
    pub(super) complaints: Vec<String>,
}

/// Judges the samples of the time of writing. `pause` is that between two sweeps, by which a lag may differ without meaning anything.
pub(super) fn judge(samples: &[Sample], pause: Duration) -> Verdict {
    let end = samples.last().map_or(Duration::ZERO, |sample| sample.at);
    let window = WINDOW.max(end / 10);
    let resident = |from: Duration| mean(samples, from, from + window, |sample| mebibytes(sample.resident));
    // A trial that is shorter than a minute and a half is compared with its own middle.
    let warm = WARM.min(end / 2);
    let resident = (resident(warm), resident(end.saturating_sub(window)));
    let lag = |from: Duration| {
        Duration::from_secs_f64(mean(samples, from, from + end / 4, |sample| sample.lag.as_secs_f64()))
    };
    let lag = (lag(end / 4), lag(end * 3 / 4));
    let grows = resident.1 > resident.0 * GROWTH;
    let falls_behind = lag.1 > lag.0 * 3 / 2 + pause;
    let complaints = [
        grows.then(|| format!("resident memory is {:.2} times that after the first minute", resident.1 / resident.0)),
        falls_behind.then(|| format!("the lag grows, from {:.1?} to {:.1?}", lag.0, lag.1)),
    ];
    Verdict { resident, lag, complaints: complaints.into_iter().flatten().collect() }
}

fn mean(samples: &[Sample], from: Duration, to: Duration, value: impl Fn(&Sample) -> f64) -> f64 {
    let values: Vec<f64> = samples.iter().filter(|sample| (from..=to).contains(&sample.at)).map(value).collect();
    values.iter().sum::<f64>() / as_float(values.len().max(1) as u64)
}

pub(super) fn mebibytes(bytes: u64) -> f64 {
    as_float(bytes) / as_float(1 << 20)
}

#[expect(clippy::cast_precision_loss, reason = "a mean needs no more than 52 bits")]
fn as_float(value: u64) -> f64 {
    value as f64
}

/// Resident memory of a process now and at its highest, in bytes. Source: proc_pid_status(5).
pub(super) fn memory_of(pid: u32) -> anyhow::Result<(u64, u64)> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).context("read the program's memory")?;
    let field = |name: &str| {
        let value = status.lines().find_map(|line| line.strip_prefix(name))?;
        Some(value.trim().strip_suffix(" kB")?.parse::<u64>().ok()? << 10)
    };
    field("VmRSS:").zip(field("VmHWM:")).context("find VmRSS and VmHWM")
}

/// The value below which this share of the values is; zero without any.
pub(super) fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    sorted.get(sorted.len().saturating_sub(1) * percent / 100).copied().unwrap_or_default()
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "resident memory {:.1} MiB after the first minute, {:.1} MiB at the end (ratio {:.3}); mean lag {:.1?} in the second quarter, {:.1?} in the last",
            self.resident.0,
            self.resident.1,
            self.resident.1 / self.resident.0,
            self.lag.0,
            self.lag.1
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(resident: impl Fn(u64) -> u64, lag: impl Fn(u64) -> u64) -> Vec<String> {
        let sample = |second| Sample {
            at: Duration::from_secs(second),
            resident: resident(second) << 20,
            lag: Duration::from_secs(lag(second)),
        };
        let samples: Vec<_> = (0..=600).map(sample).collect();
        judge(&samples, Duration::from_secs(5)).complaints
    }

    #[test]
    fn growth_is_told_from_warming_up_and_noise() {
        assert!(complaints(|second| 40 + second.min(60), |second| 3 + second % 5).is_empty());
        assert!(complaints(|second| 100 + second % 7, |_| 8).is_empty());
        let leak = complaints(|second| 100 + second / 20, |_| 3);
        assert!(leak.len() == 1 && leak[0].contains("resident memory is 1.2"), "{leak:?}");
        let behind = complaints(|_| 100, |second| second / 10);
        assert!(behind.len() == 1 && behind[0].contains("the lag grows"), "{behind:?}");
    }

    #[test]
    fn this_process_has_memory() {
        let (resident, highest) = memory_of(std::process::id()).unwrap();
        assert!(resident > 1 << 20 && highest >= resident);
        assert_eq!(percentile(&[], 50), Duration::ZERO);
        let sorted: Vec<_> = (0..=100).map(Duration::from_secs).collect();
        assert_eq!([50, 99, 100].map(|percent| percentile(&sorted, percent).as_secs()), [50, 99, 100]);
    }
}
