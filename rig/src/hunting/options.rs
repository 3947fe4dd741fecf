//! How a stand-in is set up: the service's limits, and the switches.

use std::time::Duration;

/// How a stand-in starts. The defaults are the service's own limits where they are documented, and no time is spent.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whether the identity has both permissions from the start, else 403.
    pub permitted: bool,
    /// Whether the schema of Microsoft Graph has the keys `Name` and `Type`, as one captured reply shows, or `name` and `type`, as documented.
    pub pascal_case: bool,
    /// Whether booleans come as 0 and 1.
    pub bits: bool,
    /// Calls in any stretch of `rate_window` through both doors, beyond which they are answered 429.
    pub rate: usize,
    /// The stretch of time that `rate` is about.
    pub rate_window: Duration,
    /// Rows read in a second of CPU; 0 spends no CPU. The service does not say.
    pub rows_per_cpu_second: u64,
    /// CPU in one cycle; once it is spent, calls are answered 429 until the next one. The service does not say how much it gives.
    pub cpu_quota: Duration,
    /// How long a cycle is. The first one begins when the stand-in does.
    pub cpu_cycle: Duration,
    /// Rows of one reply; more are left out, and nothing says so.
    pub rows_max: usize,
    /// Bytes of the rows' text of one reply, beyond which the answer is 400.
    pub bytes_max: usize,
    /// How long a query may run, beyond which the answer is 504.
    pub time_max: Duration,
    /// Rows with an older Timestamp are not there.
    pub reach: Duration,
    /// The time by which `reach` is counted, such as `2026-01-02T03:04:05Z`; the clock's without one.
    pub now: Option<String>,
    /// How long every query takes at least.
    pub latency: Duration,
    /// Rows of the table in the time range in a second; 0 spends no time on them.
    pub rows_per_second: u64,
    /// How long the identity's tokens are good.
    pub token_lifetime: Duration,
    /// Audience of a token for Microsoft Graph, without `/` and `/.default` at the end.
    pub graph_audience: String,
    /// Audience of a token for the older call.
    pub security_audience: String,
    /// Requests that are remembered; older ones are forgotten.
    pub records: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            permitted: true,
            pascal_case: false,
            bits: false,
            rate: 45,
            rate_window: Duration::from_secs(60),
            rows_per_cpu_second: 0,
            cpu_quota: Duration::from_secs(600),
            cpu_cycle: Duration::from_secs(900),
            rows_max: 100_000,
            bytes_max: 124_000_000,
            time_max: Duration::from_secs(180),
            reach: Duration::from_secs(30 * 86_400),
            now: None,
            latency: Duration::ZERO,
            rows_per_second: 0,
            token_lifetime: Duration::from_secs(86_400),
            graph_audience: "https://graph.microsoft.com".to_owned(),
            security_audience: "https://api.security.microsoft.com".to_owned(),
            records: 10_000,
        }
    }
}

impl Options {
    /// How long a query takes that reads so many rows.
    pub(crate) fn duration(&self, rows: usize) -> Duration {
        self.latency + part(rows, self.rows_per_second)
    }

    /// The CPU that it costs.
    pub(crate) fn cpu(&self, rows: usize) -> Duration {
        part(rows, self.rows_per_cpu_second)
    }
}

fn part(rows: usize, per_second: u64) -> Duration {
    match per_second {
        0 => Duration::ZERO,
        _ => Duration::from_micros((rows as u64).saturating_mul(1_000_000) / per_second),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_and_cpu_follow_rows() {
        let options = Options { latency: Duration::from_millis(200), rows_per_second: 1000, ..Options::default() };
        assert_eq!((options.duration(500), options.cpu(500)), (Duration::from_millis(700), Duration::ZERO));
        let options = Options { rows_per_cpu_second: 250, ..Options::default() };
        assert_eq!((options.duration(500), options.cpu(500)), (Duration::ZERO, Duration::from_secs(2)));
    }
}
