//! SQLite storage: cells, watermarks, the cube, what stands.

mod statements;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Executor, Row, SqliteConnection, SqlitePool};
use std::path::Path;
use std::time::Duration;
use thiserror::Error;

pub(crate) use statements::sql;

const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const READERS: u32 = 4;
/// Marks a file as ours: "AtMe".
const APPLICATION_ID: i64 = 0x4174_4d65;
/// The schema that this code knows.
const SCHEMA_VERSION: i64 = 1;
/// `PRAGMA synchronous` of a durable connection (FULL).
const SYNCHRONOUS_FULL: i64 = 2;

/// What can go wrong with storage.
#[derive(Debug, Error)]
pub enum StoreError {
    /// SQLite failed: disk, lock or corruption.
    #[error("metering database: {0}")]
    Sql(#[from] sqlx::Error),
    /// The file belongs to another program or a newer version.
    #[error("not a metering database of version {SCHEMA_VERSION} (application {application:#x}, version {version})")]
    Foreign {
        /// What the file is marked with.
        application: i64,
        /// Its schema version.
        version: i64,
    },
    /// The connection would not be durable.
    #[error("the metering database is not durable: synchronous is {0}")]
    NotDurable(i64),
    /// A stored value cannot be read back.
    #[error("the metering database holds a malformed {0}")]
    Malformed(&'static str),
}

/// The database. Clones share its connections.
#[derive(Clone)]
pub(crate) struct Store {
    pub(crate) writer: SqlitePool,
    pub(crate) readers: SqlitePool,
}

impl Store {
    /// Opens the file, making it where it is missing. A foreign or newer one is refused before anything is written.
    pub(crate) async fn open(path: &Path) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT);
        let mut first: SqliteConnection = sqlx::ConnectOptions::connect(&options).await?;
        prepare(&mut first).await?;
        sqlx::Connection::close(first).await?;
        let options = options.journal_mode(SqliteJournalMode::Wal);
        let writer = SqlitePoolOptions::new().max_connections(1).connect_with(options.clone()).await?;
        let synchronous: i64 = pragma(&mut *writer.acquire().await?, "PRAGMA synchronous").await?;
        if synchronous != SYNCHRONOUS_FULL {
            return Err(StoreError::NotDurable(synchronous));
        }
        let readers =
            SqlitePoolOptions::new().max_connections(READERS).connect_with(options.read_only(true)).await?;
        Ok(Self { writer, readers })
    }

    /// Closes every connection.
    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

async fn pragma(connection: &mut SqliteConnection, sql: &'static str) -> Result<i64, sqlx::Error> {
    sqlx::query(sql).fetch_one(connection).await?.try_get(0)
}

async fn prepare(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let application = pragma(connection, "PRAGMA application_id").await?;
    let version = pragma(connection, "PRAGMA user_version").await?;
    let tables = pragma(connection, "SELECT COUNT(*) FROM sqlite_master").await?;
    match (application, version, tables) {
        (0, 0, 0) => {
            connection.execute(sql::SCHEMA).await?;
            Ok(())
        }
        (APPLICATION_ID, SCHEMA_VERSION, _) => Ok(()),
        _ => Err(StoreError::Foreign { application, version }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_statement_prepares() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("m.db")).await.unwrap();
        let mut connection = store.writer.acquire().await.unwrap();
        for statement in sql::ALL {
            connection.prepare((*statement).into()).await.unwrap_or_else(|e| panic!("{statement}: {e}"));
        }
    }

    #[tokio::test]
    async fn a_foreign_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("foreign.db");
        let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
        let mut other: SqliteConnection = sqlx::ConnectOptions::connect(&options).await.unwrap();
        other.execute("CREATE TABLE t (x)").await.unwrap();
        drop(other);
        assert!(matches!(Store::open(&path).await, Err(StoreError::Foreign { .. })));
    }
}
