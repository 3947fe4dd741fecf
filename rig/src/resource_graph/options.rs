//! How a stand-in is set up: the service's limits, and the switches.

use std::time::Duration;

/// How a stand-in starts. The defaults are the service's own limits, and no time is spent.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whether the identity may read from the start, else 403.
    pub permitted: bool,
    /// Management groups by name, and the subscriptions below each.
    pub management_groups: Vec<(String, Vec<String>)>,
    /// Queries in any stretch of `rate_window`, beyond which they are answered 429.
    pub rate: usize,
    /// The stretch of time that `rate` is about.
    pub rate_window: Duration,
    /// Records of one reply: what `$top` may ask for, and what comes where it is not there.
    pub rows_max: usize,
    /// Bytes of the records' text of one reply, beyond which the answer is 400.
    pub bytes_max: usize,
    /// Subscriptions that a query of the whole tenant, or of management groups, looks into; others are left out, and a header says so.
    pub subscriptions_max: usize,
    /// How long every query takes at least.
    pub latency: Duration,
    /// How long the identity's tokens are good.
    pub token_lifetime: Duration,
    /// The one user-assigned identity that exists; requests for another one are refused.
    pub client_id: Option<String>,
    /// Audience of a token, without `/` and `/.default` at the end.
    pub audience: String,
    /// Requests that are remembered; older ones are forgotten.
    pub records: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            permitted: true,
            management_groups: Vec::new(),
            rate: 15,
            rate_window: Duration::from_secs(5),
            rows_max: 1000,
            bytes_max: 16 << 20,
            subscriptions_max: 10_000,
            latency: Duration::ZERO,
            token_lifetime: Duration::from_secs(86_400),
            client_id: None,
            audience: "https://management.azure.com".to_owned(),
            records: 10_000,
        }
    }
}
