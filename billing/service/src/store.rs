//! SQLite storage: rating runs, invoices with their lines, the journal.
//!
//! What a call answered is on disk. SQL stands in `sql/`, one statement a file; one file here per resource.
//!
//! To add a statement: a file in `sql/` and a line in `statements.rs`, whose test prepares it. To change the schema: a
//! new file in `migrations/`, last in `SCHEMA`.

mod invoices;
mod journal;
mod read;
mod runs;
mod statements;

use std::path::Path;

use atoll_sqlite::{Database, OpenError, Schema};
use jiff::Timestamp;
use thiserror::Error;

pub(crate) use invoices::{DraftWrite, FinalizeWrite, InvoiceRecord, IssuedMonth};

/// Billing's database.
const SCHEMA: Schema = Schema {
    name: "billing",
    mark: *b"ATBI",
    migrations: &[include_str!("store/migrations/0001_invoices.sql")],
};

/// What can go wrong with storage.
#[derive(Debug, Error)]
pub enum StoreError {
    /// SQLite failed: disk, lock or corruption.
    #[error("billing database: {0}")]
    Sql(#[from] sqlx::Error),
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

/// Refuses a file that cannot be billing's database, or that another process uses, and changes nothing. That there is
/// none is fine.
pub async fn inspect_database(path: &Path) -> Result<(), OpenError> {
    Database::inspect(path, &SCHEMA).await
}

/// The database. Clones share its connections.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    database: Database,
}

impl Store {
    /// Opens the file, creating and migrating it as needed. Errors when another process uses it and when it is foreign,
    /// newer or would not be durable; then nothing has been written.
    pub(crate) async fn open(path: &Path) -> Result<Self, OpenError> {
        Ok(Self { database: Database::open(path, &SCHEMA).await? })
    }

    /// Ends when the file is no longer the one at its path: see [`Database::lost`].
    pub(crate) async fn lost(&self) -> OpenError {
        self.database.lost().await
    }

    /// Closes every connection; later calls fail.
    pub(crate) async fn close(&self) {
        self.database.close().await;
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

    #[tokio::test]
    async fn every_statement_prepares() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("billing.db")).await.unwrap();
        let mut connection = store.database.read().await.unwrap();
        for (file, sql) in statements::ALL {
            let prepared = connection.prepare(sqlx::SqlSafeStr::into_sql_str(*sql)).await;
            assert!(prepared.is_ok(), "{file}: {:?}", prepared.err());
        }
    }
}
