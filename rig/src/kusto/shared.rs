//! What all connections and the worker share.

use std::collections::HashSet;
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::Failure;
use super::options::Options;
use super::record::{Ingestion, Request};
use super::sas;
use super::storage::{Storage, until};
use super::store::Store;
use crate::azurite::Account;
use crate::fault::Faults;
use crate::identity::Identity;
use crate::record::Record;

/// What all connections and the worker share.
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) faults: Faults,
    pub(crate) identity: Identity,
    pub(crate) permitted: AtomicBool,
    pub(crate) storage: Storage,
    pub(crate) names: Names,
    /// The account as clients shall see it.
    seen: Account,
    /// The tokens that messages may have.
    pub(crate) tokens: Mutex<HashSet<String>>,
    /// Whether messages stay on the queues.
    pub(crate) held: AtomicBool,
    /// Messages yet to fail, and how.
    pub(crate) failing: Mutex<(usize, Failure)>,
    pub(crate) ingestions: Mutex<Vec<Ingestion>>,
    store: RwLock<Store>,
    record: Mutex<Record<Request>>,
}

/// Names of what belongs to this stand-in in the account.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    pub(crate) ready: Vec<String>,
    pub(crate) failed: String,
    pub(crate) successful: String,
    pub(crate) containers: Vec<String>,
    pub(crate) statuses: String,
}

impl Names {
    fn new(options: &Options) -> Self {
        let unique = format!("{:08x}", fastrand::u32(..));
        let each = |number: usize, what: &str| (0..number).map(|n| format!("{unique}-{what}-{n}")).collect();
        Self {
            ready: each(options.queues, "readyforaggregation-secured"),
            failed: format!("{unique}-failedingestions"),
            successful: format!("{unique}-successfulingestions"),
            containers: each(options.containers, "ingestdata"),
            statuses: format!("ingestionsstatus{unique}"),
        }
    }
}

impl Shared {
    pub(crate) fn new(options: Options, identity: Identity, account: &Account) -> anyhow::Result<Self> {
        Ok(Self {
            faults: Faults::default(),
            identity,
            permitted: AtomicBool::new(options.permitted),
            storage: Storage::new(account)?,
            names: Names::new(&options),
            seen: options.seen.clone().unwrap_or_else(|| account.clone()),
            tokens: Mutex::default(),
            held: AtomicBool::new(false),
            failing: Mutex::new((0, Failure::Permanent)),
            ingestions: Mutex::default(),
            store: RwLock::new(Store::new(&options.databases)),
            record: Mutex::default(),
            options,
        })
    }

    /// Makes what belongs to this stand-in in the account.
    pub(crate) async fn prepare(&self) -> anyhow::Result<()> {
        let Names { ready, failed, successful, containers, statuses } = &self.names;
        for queue in ready.iter().chain([failed, successful]) {
            self.storage.make_queue(queue).await?;
        }
        for container in containers {
            self.storage.make_container(container).await?;
        }
        self.storage.make_table(statuses).await
    }

    /// The addresses for `.get ingestion resources`, each with a signature that may do no more than it must.
    pub(crate) fn resources(&self) -> Vec<(&'static str, String)> {
        let Names { ready, failed, successful, containers, statuses } = &self.names;
        let (until, account) = (until(self.options.signature_lifetime), self.seen.name());
        let queue = |name: &str, rights: &str| {
            format!("{}/{name}?{}", self.seen.queue_url(), sas::queue(account, name, rights, &until))
        };
        let container =
            |name: &String| format!("{}/{name}?{}", self.seen.blob_url(), sas::container(account, name, "rw", &until));
        let table = format!("{}/{statuses}?{}", self.seen.table_url(), sas::table(account, statuses, "rau", &until));
        let mut all: Vec<_> = containers.iter().map(|name| ("TempStorage", container(name))).collect();
        all.extend(ready.iter().map(|name| ("SecuredReadyForAggregationQueue", queue(name, "a"))));
        all.push(("FailedIngestionsQueue", queue(failed, "rp")));
        all.push(("SuccessfulIngestionsQueue", queue(successful, "rp")));
        all.push(("IngestionsStatusTable", table));
        all
    }

    pub(crate) fn record(&self) -> MutexGuard<'_, Record<Request>> {
        lock(&self.record)
    }

    pub(crate) fn store(&self) -> RwLockReadGuard<'_, Store> {
        self.store.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn store_mut(&self) -> RwLockWriteGuard<'_, Store> {
        self.store.write().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
