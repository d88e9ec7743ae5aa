//! SQLite storage: rating runs, invoices with their lines, the journal.
//!
//! One file, in WAL mode, with one writing connection and a few reading ones. `synchronous=FULL` is asserted when a
//! connection is made: what a call answered is on disk. SQL stands in `sql/`, one statement a file; one file here per
//! resource.
//!
//! To add a statement: a file in `sql/` and a line in `statements.rs`, whose test prepares it. To change the schema: a new
//! file in `migrations/`.

mod invoices;
mod journal;
mod migrate;
mod read;
mod runs;
mod statements;

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Row, SqliteConnection, SqlitePool};
use thiserror::Error;

pub use invoices::{DraftWrite, FinalizeWrite, InvoiceRecord, IssuedMonth};
pub use journal::BookedPosting;

/// Reading connections: invoices are read rarely and quickly, so that more would only cost memory.
const READERS: u32 = 4;

/// How long a connection waits for another process's lock before the call fails.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// `PRAGMA synchronous` of a durable connection (FULL).
const SYNCHRONOUS_FULL: i64 = 2;

/// What can go wrong with storage.
#[derive(Debug, Error)]
pub enum StoreError {
    /// SQLite failed: disk, lock or corruption.
    #[error("billing database: {0}")]
    Sql(#[from] sqlx::Error),
    /// The file belongs to another program.
    #[error("not a billing database (application_id {application_id:#x})")]
    Foreign {
        /// What the file is marked with.
        application_id: i64,
    },
    /// The file was written by a newer version.
    #[error("the billing database has schema version {version}, this version knows {known}")]
    Newer {
        /// The file's version.
        version: i64,
        /// The newest version known here.
        known: usize,
    },
    /// The connection would not be durable.
    #[error("the billing database is not durable: {setting} is {found}")]
    NotDurable {
        /// The setting.
        setting: &'static str,
        /// Its value.
        found: String,
    },
    /// A stored value cannot be read back.
    #[error("the billing database holds a malformed {what}: {problem}")]
    Malformed {
        /// Which value.
        what: &'static str,
        /// Why.
        problem: String,
    },
}

impl StoreError {
    pub(crate) fn malformed(what: &'static str, problem: impl ToString) -> Self {
        Self::Malformed { what, problem: problem.to_string() }
    }
}

/// The database. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Store {
    writer: SqlitePool,
    readers: SqlitePool,
}

impl Store {
    /// Opens the file, creating and migrating it as needed. Errors when it is foreign, newer or would not be durable; then
    /// nothing has been written.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT);
        // The journal mode is stored in the file: only once the file is known to be ours may it be set.
        let mut first = open_one(&options).await?;
        migrate::migrate(&mut first).await?;
        sqlx::Connection::close(first).await?;

        let options = options.journal_mode(SqliteJournalMode::Wal);
        let writer = SqlitePoolOptions::new().max_connections(1).connect_with(options.clone()).await?;
        assert_durable(&mut *writer.acquire().await?).await?;
        let readers =
            SqlitePoolOptions::new().max_connections(READERS).connect_with(options.read_only(true)).await?;
        Ok(Self { writer, readers })
    }

    /// Closes every connection; later calls fail.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

async fn open_one(options: &SqliteConnectOptions) -> Result<SqliteConnection, StoreError> {
    Ok(sqlx::ConnectOptions::connect(options).await?)
}

async fn assert_durable(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let synchronous: i64 = sqlx::query("PRAGMA synchronous").fetch_one(&mut *connection).await?.try_get(0)?;
    if synchronous != SYNCHRONOUS_FULL {
        return Err(StoreError::NotDurable { setting: "synchronous", found: synchronous.to_string() });
    }
    let journal: String = sqlx::query("PRAGMA journal_mode").fetch_one(connection).await?.try_get(0)?;
    if journal == "wal" {
        Ok(())
    } else {
        Err(StoreError::NotDurable { setting: "journal_mode", found: journal })
    }
}

/// Milliseconds since the epoch, as columns hold them. Billing's instants are whole hours or bookkeeping times.
fn milliseconds(instant: Timestamp) -> i64 {
    instant.as_millisecond()
}

#[cfg(test)]
mod tests {
    use sqlx::Executor;

    use super::*;

    async fn raw(path: &Path) -> SqliteConnection {
        open_one(&SqliteConnectOptions::new().filename(path).create_if_missing(true)).await.unwrap()
    }

    #[tokio::test]
    async fn every_statement_prepares() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("billing.db")).await.unwrap();
        let mut connection = store.writer.acquire().await.unwrap();
        for (file, sql) in statements::ALL {
            let prepared = connection.prepare(sqlx::SqlSafeStr::into_sql_str(*sql)).await;
            assert!(prepared.is_ok(), "{file}: {:?}", prepared.err());
        }
    }

    #[tokio::test]
    async fn opening_again_keeps_what_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("billing.db");
        Store::open(&path).await.unwrap().close().await;
        let before = std::fs::read(&path).unwrap();
        let store = Store::open(&path).await.unwrap();
        assert_durable(&mut store.writer.acquire().await.unwrap()).await.unwrap();
        store.close().await;
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }

    #[tokio::test]
    async fn foreign_and_newer_files_are_refused_untouched() {
        let dir = tempfile::tempdir().unwrap();
        let cases = [
            ("CREATE TABLE t (x)", "not a billing database (application_id 0x0)"),
            ("PRAGMA application_id = 7", "not a billing database (application_id 0x7)"),
            (
                "PRAGMA application_id = 1096041033; PRAGMA user_version = 99",
                "the billing database has schema version 99, this version knows 1",
            ),
        ];
        for (index, (sql, message)) in cases.into_iter().enumerate() {
            let path = dir.path().join(format!("{index}.db"));
            let mut connection = raw(&path).await;
            sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
            sqlx::Connection::close(connection).await.unwrap();
            let before = std::fs::read(&path).unwrap();
            assert_eq!(Store::open(&path).await.unwrap_err().to_string(), message);
            assert_eq!(std::fs::read(&path).unwrap(), before, "{message}");
        }
    }

    #[tokio::test]
    async fn a_connection_that_is_not_durable_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let mut connection = raw(&dir.path().join("x.db")).await;
        sqlx::raw_sql("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL")
            .execute(&mut connection)
            .await
            .unwrap();
        let error = assert_durable(&mut connection).await.unwrap_err();
        assert_eq!(error.to_string(), "the billing database is not durable: synchronous is 1");
    }
}
