//! How a stand-in is set up: the service's limits, and the switches.

use std::time::Duration;

/// How a stand-in starts. The defaults are the service's own limits, and no time is spent.
#[derive(Debug, Clone)]
pub struct Options {
    /// The workspace's GUID; random without one.
    pub workspace: Option<String>,
    /// Whether the identity may read the workspace from the start, else 403.
    pub permitted: bool,
    /// Whether a workspace without any rows answers 204 and no body.
    pub empty_is_204: bool,
    /// Rows of one reply, beyond which it is partial.
    pub rows_max: usize,
    /// Bytes of the rows' text of one reply, beyond which it is partial.
    pub bytes_max: usize,
    /// How long a query may run that asks for nothing else, beyond which the answer is 504.
    pub wait_default: Duration,
    /// How long a query may run at most, whatever it asks for.
    pub wait_max: Duration,
    /// Queries in any stretch of `rate_window`, beyond which they are answered 429.
    pub rate: usize,
    /// The stretch of time that `rate` is about.
    pub rate_window: Duration,
    /// Queries that run at once through `/query`.
    pub at_once: usize,
    /// Queries that run at once through `/search`.
    pub at_once_basic: usize,
    /// Queries that wait for their turn, beyond which they are answered 429.
    pub queue: usize,
    /// How long a query waits for its turn before it is answered 429.
    pub queue_wait: Duration,
    /// How long every query takes at least.
    pub latency: Duration,
    /// Bytes of a reply's rows in a second; 0 spends no time on them.
    pub bytes_per_second: u64,
    /// Rows of the table in the time range in a second; 0 spends no time on them.
    pub rows_per_second: u64,
    /// How long the identity's tokens are good.
    pub token_lifetime: Duration,
    /// The one user-assigned identity that exists; requests for another one are refused.
    pub client_id: Option<String>,
    /// Audiences of a token that the query API takes, without `/` and `/.default` at the end.
    pub audiences: Vec<String>,
    /// Requests that are remembered; older ones are forgotten.
    pub records: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            workspace: None,
            permitted: true,
            empty_is_204: false,
            rows_max: 500_000,
            bytes_max: 64_000_000,
            wait_default: Duration::from_secs(180),
            wait_max: Duration::from_secs(600),
            rate: 200,
            rate_window: Duration::from_secs(30),
            at_once: 5,
            at_once_basic: 2,
            queue: 200,
            queue_wait: Duration::from_secs(180),
            latency: Duration::ZERO,
            bytes_per_second: 0,
            rows_per_second: 0,
            token_lifetime: Duration::from_secs(86_400),
            client_id: None,
            audiences: vec!["https://api.loganalytics.io".to_owned()],
            records: 10_000,
        }
    }
}

impl Options {
    /// How long a query takes that reads and answers so much.
    pub(crate) fn duration(&self, rows: usize, bytes: usize) -> Duration {
        let part = |amount: usize, per_second: u64| match per_second {
            0 => Duration::ZERO,
            _ => Duration::from_micros((amount as u64).saturating_mul(1_000_000) / per_second),
        };
        self.latency + part(rows, self.rows_per_second) + part(bytes, self.bytes_per_second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_follows_rows_and_bytes() {
        let latency = Duration::from_millis(200);
        let options = Options { latency, rows_per_second: 1000, bytes_per_second: 1_000_000, ..Options::default() };
        assert_eq!(options.duration(500, 2_000_000), Duration::from_millis(2700));
        assert_eq!(Options::default().duration(500, 2_000_000), Duration::ZERO);
    }
}
