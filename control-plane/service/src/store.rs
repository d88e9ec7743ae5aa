//! Desired state in SQLite.
//!
//! One file, in WAL mode, with one writing connection and a few reading ones. `synchronous=FULL` is asserted when a connection is
//! made: what a call answered is on disk. One write transaction per API call holds the change, its operation and its audit
//! record. SQL stands in `sql/`, one statement a file; one file here per resource.
//!
//! To add a statement: a file in `sql/` (a test prepares them all) and a function beside its resource. To change the schema: a new
//! file in `migrations/`.

pub(crate) mod accounts;
pub(crate) mod api_keys;
pub(crate) mod audit;
pub(crate) mod cells;
pub(crate) mod counters;
mod error;
mod migrate;
pub(crate) mod namespaces;
pub(crate) mod operations;
pub(crate) mod principals;
pub(crate) mod regions;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{Row, Sqlite, Transaction};

pub use error::StoreError;

/// Reading connections: reads are short, so that few keep up with many callers.
const READERS: u32 = 4;
/// How long a connection waits for another process's lock before the call fails.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// `PRAGMA synchronous` of a durable connection (FULL).
const SYNCHRONOUS_FULL: i64 = 2;

/// The statement in `sql/<name>.sql`.
macro_rules! sql {
    ($name:literal) => {
        include_str!(concat!("sql/", $name, ".sql"))
    };
}
use sql;

/// Handle on the control plane's database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    writer: SqlitePool,
    readers: SqlitePool,
}

impl Store {
    /// Opens the database, making it if there is none, and brings its schema up to date. A foreign or newer file is refused before
    /// anything is written.
    pub async fn open(file: &Path) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT);
        migrate::check(file).await?;
        let pool = |connections: u32| {
            SqlitePoolOptions::new().max_connections(connections).idle_timeout(None).max_lifetime(None)
        };
        let writer = pool(1).connect_with(options.clone()).await?;
        let mut connection = writer.acquire().await?;
        assert_durable(&mut connection).await?;
        migrate::migrate(&mut connection).await?;
        drop(connection);
        let readers = pool(READERS).connect_with(options.read_only(true)).await?;
        Ok(Self { writer, readers })
    }

    /// A connection for reading.
    pub async fn read(&self) -> Result<PoolConnection<Sqlite>, StoreError> {
        Ok(self.readers.acquire().await?)
    }

    /// A transaction that writes; there is one at a time. Dropped without commit, it changes nothing.
    pub async fn write(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?)
    }

    /// Closes all connections, after running transactions.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

async fn assert_durable(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let synchronous: i64 = sqlx::query("PRAGMA synchronous").fetch_one(&mut *connection).await?.try_get(0)?;
    let journal: String = sqlx::query("PRAGMA journal_mode").fetch_one(&mut *connection).await?.try_get(0)?;
    if synchronous != SYNCHRONOUS_FULL {
        return Err(StoreError::NotDurable { setting: "synchronous", found: synchronous.to_string() });
    }
    if journal != "wal" {
        return Err(StoreError::NotDurable { setting: "journal_mode", found: journal });
    }
    Ok(())
}
