//! How a stand-in is set up: the service's limits, and the switches.

use std::time::Duration;

use crate::azurite::Account;

/// How a stand-in starts. The defaults are the service's own limits, and no time is spent.
#[derive(Debug, Clone)]
pub struct Options {
    /// The databases that exist.
    pub databases: Vec<String>,
    /// Whether the identity may do everything from the start, else 403.
    pub permitted: bool,
    /// Audience of a token, without `/` and `/.default` at the end; the cluster's metadata name it.
    pub audience: String,
    /// Whether the cluster takes streaming ingestion; each table has a policy of its own besides.
    pub streaming: bool,
    /// Bytes of the body of a streaming ingestion, as they are sent, beyond which it is refused.
    pub streaming_max: usize,
    /// Queues for queued ingestion.
    pub queues: usize,
    /// Containers for the data of queued ingestion.
    pub containers: usize,
    /// How long the queues are left alone when they are empty.
    pub poll: Duration,
    /// How long data of queued ingestion wait before they are taken in, as they do when the service gathers them.
    pub delay: Duration,
    /// The account as clients shall see it in the addresses that they are given, such as one behind a proxy.
    pub seen: Option<Account>,
    /// How long the addresses' signatures are good.
    pub signature_lifetime: Duration,
    /// How long every request takes at least.
    pub latency: Duration,
    /// How long the identity's tokens are good.
    pub token_lifetime: Duration,
    /// Requests that are remembered; older ones are forgotten.
    pub records: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            databases: vec!["db".to_owned()],
            permitted: true,
            audience: "https://kusto.kusto.windows.net".to_owned(),
            streaming: true,
            streaming_max: 4 * 1024 * 1024,
            queues: 1,
            containers: 1,
            poll: Duration::from_millis(50),
            delay: Duration::ZERO,
            seen: None,
            signature_lifetime: Duration::from_secs(6 * 3600),
            latency: Duration::ZERO,
            token_lifetime: Duration::from_secs(86_400),
            records: 10_000,
        }
    }
}
