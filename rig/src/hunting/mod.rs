//! A stand-in for advanced hunting of Microsoft Defender XDR, over HTTP on the loopback address: the call of Microsoft Graph and the older
//! call that it replaces.
//!
//! It answers as the documentation ("security: runHuntingQuery", "Advanced hunting API", "quotas and usage parameters") and captured replies
//! say: one quota of calls for both doors, a CPU quota, rows beyond the most that are cut off without a word, and the last 30 days alone.
//! Tables without a Timestamp are current state: their rows are there until they are [replaced](Hunting::replace).

mod answer;
mod options;
mod quota;
mod record;
mod refusal;
mod result;
mod server;

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, RwLockWriteGuard};

use anyhow::Context as _;
use hyper::body::Incoming;
use serde_json::Value as Json;

pub use crate::fault::{Fault, Faults};
pub use crate::identity::{Given, Identity};
pub use crate::kql::{Column, Kind, Row, Table};
pub use options::Options;
pub use record::Request;

use crate::door::Door;
use crate::kql::{self, Tables, ticks};
use server::Shared;

/// A running stand-in; it ends when the value is dropped.
pub struct Hunting {
    shared: Arc<Shared>,
    door: Door,
}

impl Hunting {
    /// Starts on free ports of 127.0.0.1: both calls, and an identity's endpoint.
    ///
    /// # Errors
    /// No port can be had, or the options' time is none.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        let identity = Identity::start(options.token_lifetime, None).await?;
        Self::start_with(options, &identity).await
    }

    /// The same with an identity that others share.
    ///
    /// # Errors
    /// As [`Hunting::start`].
    pub async fn start_with(options: Options, identity: &Identity) -> anyhow::Result<Self> {
        options.now.as_deref().map(time).transpose()?;
        let shared = Arc::new(Shared::new(options, identity.clone()));
        let served = Arc::clone(&shared);
        let serve = move |request: hyper::Request<Incoming>| {
            let shared = Arc::clone(&served);
            async move { server::serve(&shared, request).await }
        };
        Ok(Self { shared, door: Door::open(None, serve).await? })
    }

    /// Base URL of both calls.
    pub fn url(&self) -> String {
        self.door.url().to_owned()
    }

    /// The endpoint that gives tokens.
    pub fn identity(&self) -> &Identity {
        &self.shared.identity
    }

    /// The settings, of the program and of App Service, that lead here.
    pub fn settings(&self) -> Vec<(String, String)> {
        [("HUNTING_URL".to_owned(), self.url())].into_iter().chain(self.identity().settings()).collect()
    }

    /// Defines a table, or replaces it. One without a column for its time has none.
    pub fn add(&self, mut table: Table) {
        table.time = table.time.filter(|time| table.columns.iter().any(|column| column.name == *time));
        self.tables().insert(table.name.clone(), table);
    }

    /// Adds rows in export form; each was ingested at its Timestamp.
    ///
    /// # Errors
    /// There is no such table, or a row is none of it.
    pub fn append_values(&self, table: &str, rows: &[Json]) -> anyhow::Result<()> {
        kql::append(&mut self.tables(), table, rows, None)
    }

    /// The same, ingested at a time such as `2026-01-02T03:04:05.1234567Z`.
    ///
    /// # Errors
    /// As [`Hunting::append_values`], or the time is none.
    pub fn append_values_at(&self, table: &str, rows: &[Json], ingested: &str) -> anyhow::Result<()> {
        kql::append(&mut self.tables(), table, rows, Some(time(ingested)?))
    }

    /// Exchanges all rows of a table of current state.
    ///
    /// # Errors
    /// There is no such table, or a row is none of it; then the rows stay.
    pub fn replace(&self, table: &str, rows: &[Json]) -> anyhow::Result<()> {
        let mut tables = self.tables();
        let known = tables.get_mut(table).with_context(|| format!("there is no table {table}"))?;
        let rows = rows.iter().map(|row| known.row(row)).collect::<anyhow::Result<Vec<_>>>()?;
        known.rows.clear();
        known.append(rows);
        Ok(())
    }

    /// Number of rows of a table; none for one that does not exist.
    pub fn rows(&self, table: &str) -> usize {
        self.tables().get(table).map_or(0, Table::len)
    }

    /// Sets the time by which the last 30 days are counted, and which `now()` gives.
    ///
    /// # Errors
    /// It is no time such as `2026-01-02T03:04:05Z`.
    pub fn set_now(&self, now: &str) -> anyhow::Result<()> {
        self.set_now_ticks(time(now)?);
        Ok(())
    }

    /// The same in ticks of 100 ns since the Unix epoch.
    pub fn set_now_ticks(&self, now: i64) {
        *self.shared.now.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }

    /// What goes wrong.
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// Gives the identity both permissions, or takes them away.
    pub fn permit(&self, permitted: bool) {
        self.shared.permitted.store(permitted, Ordering::SeqCst);
    }

    /// The most recent requests, oldest first.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.record().all()
    }

    /// The most calls that were let in within one stretch of the quota.
    pub fn most_calls_in_window(&self) -> usize {
        self.shared.rate.most()
    }

    /// Calls that were turned away, by the quota of calls or by that of CPU.
    pub fn throttled(&self) -> usize {
        self.shared.rate.turned_away() + self.shared.cpu.turned_away()
    }

    fn tables(&self) -> RwLockWriteGuard<'_, Tables> {
        self.shared.tables.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn time(text: &str) -> anyhow::Result<i64> {
    ticks::parse(text).with_context(|| format!("{text} is no time"))
}
