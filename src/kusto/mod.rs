//! Azure Data Explorer and Fabric Eventhouse as a destination, over REST: no client in Rust knows mappings, streaming and status.
//!
//! `schema` and `status` are pure; `rest` sends commands, `queued` and `streaming` are the two ways in. Source: "Ingest data using the Kusto.Ingest REST
//! API", "Streaming ingestion HTTP request", "Management commands".

mod queued;
mod rest;
mod schema;
mod status;
mod streaming;

use std::sync::Arc;
use std::time::Duration;

use crate::azure::LoginError;
use crate::pulls::pull::KustoTable;
use crate::query::ConnectError;
use crate::query::rows::Column;
use crate::settings::Identity;
use rest::Rest;
use schema::{Fault, Table};

/// The table for records of runs.
pub const RECORDS: &str = "SentinelAxiomPulls";

/// Columns of [`RECORDS`].
const RECORD_COLUMNS: [(&str, &str); 19] = [
    ("TimeGenerated", "datetime"),
    ("pull", "string"),
    ("run", "string"),
    ("status", "string"),
    ("reason", "string"),
    ("notes", "dynamic"),
    ("window", "dynamic"),
    ("snapshot", "string"),
    ("snapshot_rows", "long"),
    ("rows", "long"),
    ("known", "long"),
    ("set_aside", "long"),
    ("perhaps_twice", "long"),
    ("bytes", "long"),
    ("pages", "long"),
    ("began", "datetime"),
    ("ended", "datetime"),
    ("duration_ms", "long"),
    ("cursor", "datetime"),
];

/// A cluster, as everything in the program sees it. Clones share what was learnt.
#[derive(Debug, Clone)]
pub struct Kusto(Arc<Rest>);

/// Rows are not in the table.
#[derive(Debug, thiserror::Error)]
pub enum KustoError {
    /// There is no token.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// The cluster asks for a token that is none of its own.
    #[error(
        "sign in to {cluster}: it names {audience:?} as what tokens are for, which is no Azure Data Explorer (compare the address in the pull)"
    )]
    Audience {
        /// The cluster's host.
        cluster: String,
        /// What it says.
        audience: String,
    },
    /// No answer.
    #[error("{doing}: no answer")]
    NoAnswer {
        /// What was asked for.
        doing: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The cluster, or its storage, does not do it.
    #[error("{doing}: {status} {code}: {message}{advice}")]
    Refused {
        /// What was asked for.
        doing: String,
        /// HTTP status.
        status: u16,
        /// What the service calls it.
        code: String,
        /// What it says.
        message: String,
        /// What people can do about it.
        advice: &'static str,
    },
    /// The answer is not what it should be.
    #[error("{doing}: {what}")]
    Unexpected {
        /// What was asked for.
        doing: String,
        /// What is wrong with it.
        what: String,
    },
    /// The table does not fit.
    #[error("use table {table} of database {database}: {fault}")]
    Table {
        /// The database.
        database: String,
        /// The table.
        table: String,
        /// Why not.
        fault: Fault,
    },
    /// The cluster took the rows and could not store them.
    #[error("ingest into {table}: {status}: {details}")]
    Failed {
        /// The table.
        table: String,
        /// What became of them.
        status: String,
        /// Why.
        details: String,
        /// Whether another attempt may do.
        transient: bool,
    },
    /// Nothing is known of the rows.
    #[error("ingest into {table}: after {} min it is not known what became of the rows: they are sent again, and may be there twice", waited.as_secs() / 60)]
    Unknown {
        /// The table.
        table: String,
        /// How long it was asked for.
        waited: Duration,
    },
}

impl KustoError {
    fn is_transient(&self) -> bool {
        match self {
            Self::Refused { status, .. } => matches!(status, 408 | 429 | 500 | 502 | 503 | 504),
            Self::Failed { transient, .. } => *transient,
            Self::NoAnswer { .. } => true,
            _ => false,
        }
    }
}

impl Kusto {
    /// Makes a client for the cluster of a table. Nothing is sent yet.
    ///
    /// # Errors
    /// There are no CA certificates.
    pub fn new(table: &KustoTable, identity: Identity, client_id: Option<String>) -> Result<Self, ConnectError> {
        Ok(Self(Arc::new(Rest::new(table, identity, client_id)?)))
    }

    /// Sees that the table and its mapping can take rows with these columns; creates and widens them where that is allowed.
    ///
    /// # Errors
    /// [`KustoError`].
    pub async fn prepare(&self, to: &KustoTable, columns: &[Column]) -> Result<(), KustoError> {
        let columns = columns.iter().map(|column| (column.name.as_str(), column.kind.as_str()));
        let table = match to.raw {
            true => Table::raw(&to.table, &to.mapping),
            false => Table::typed(&to.table, &to.mapping, columns),
        };
        self.fit(&to.database, &table, to.create).await
    }

    /// Stores rows, each a line of JSON, and waits until they are there. Gives how many may be there twice, because an answer was lost.
    ///
    /// # Errors
    /// [`KustoError`]; the rows may be there all the same.
    pub async fn ingest(&self, to: &KustoTable, lines: &[u8]) -> Result<u64, KustoError> {
        if !to.streaming {
            return self.ingest_piece(to, lines).await;
        }
        let mut perhaps_twice = 0;
        for piece in streaming::pieces(lines) {
            perhaps_twice += self.ingest_piece(to, piece).await?;
        }
        Ok(perhaps_twice)
    }

    async fn ingest_piece(&self, to: &KustoTable, lines: &[u8]) -> Result<u64, KustoError> {
        let (mut tries, mut perhaps_twice) = (0, 0);
        loop {
            let done = match to.streaming {
                true => streaming::ingest(&self.0, (&to.database, &to.table, &to.mapping), lines).await,
                false => queued::ingest(&self.0, (&to.database, &to.table, &to.mapping), lines).await,
            };
            tries += 1;
            match done {
                Err(error) if error.is_transient() && tries < rest::TRIES => {
                    if let KustoError::NoAnswer { .. } = error {
                        perhaps_twice += memchr::memchr_iter(b'\n', lines).count() as u64;
                    }
                    tracing::debug!(error = crate::report::chain(&error), "an ingestion is tried again");
                    rest::pause(tries).await;
                }
                done => return done.map(|()| perhaps_twice),
            }
        }
    }

    /// Stores records of runs in [`RECORDS`], beside the rows.
    ///
    /// # Errors
    /// [`KustoError`].
    pub async fn record(&self, to: &KustoTable, lines: &[u8]) -> Result<(), KustoError> {
        let mapping = "SentinelAxiomPullsMap";
        self.fit(&to.database, &Table::typed(RECORDS, mapping, RECORD_COLUMNS), to.create).await?;
        let records = KustoTable { table: RECORDS.to_owned(), mapping: mapping.to_owned(), raw: false, ..to.clone() };
        self.ingest(&records, lines).await.map(drop)
    }

    async fn fit(&self, database: &str, table: &Table, create: bool) -> Result<(), KustoError> {
        let wrong = |fault| KustoError::Table { database: database.to_owned(), table: table.name.clone(), fault };
        let there = self.0.schema(database, &table.name).await?;
        let missing = table.compare(there.as_deref(), create).map_err(wrong)?;
        if missing {
            self.0.command(database, &table.create()).await?;
        }
        let mappings = self.0.mappings(database, &table.name).await?;
        if !create && !mappings.contains(&table.mapping) {
            return Err(wrong(Fault::NoMapping { mapping: table.mapping.clone(), there: mappings }));
        }
        if create && (missing || !mappings.contains(&table.mapping)) {
            self.0.command(database, &table.create_mapping()).await?;
        }
        Ok(())
    }
}
