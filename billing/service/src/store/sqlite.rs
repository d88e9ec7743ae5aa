//! The SQLite engine: one file, one process, one writer. That writer holds every account.

mod error;
mod invoices;
mod journal;
mod runs;
mod statements;

use std::path::Path;

use async_trait::async_trait;
use atoll_sqlite::{Database, OpenError, Schema};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite, Transaction};

use super::columns::Columns;
use super::engine::{Engine, Snapshot, WriteTransaction};
use super::{DatabaseError, StoreError};
use error::failed;

/// Billing's database file.
const SCHEMA: Schema = Schema {
    name: "billing",
    mark: *b"ATBI",
    migrations: &[
        include_str!("sqlite/migrations/0001_invoices.sql"),
        include_str!("sqlite/migrations/0002_guards.sql"),
        include_str!("sqlite/migrations/0003_versions.sql"),
    ],
};

/// Refuses a file that cannot be billing's database, or that another process uses, and changes nothing. That there is
/// none is fine.
pub async fn inspect(path: &Path) -> Result<(), OpenError> {
    Database::inspect(path, &SCHEMA).await
}

/// A file that is this process's.
#[derive(Debug)]
pub(super) struct SqliteEngine {
    database: Database,
}

impl SqliteEngine {
    /// Opens the file, making or migrating it as needed. One that another process uses, or that is foreign, newer or
    /// would not be durable is refused, and nothing has been written then.
    pub(super) async fn open(path: &Path) -> Result<Self, OpenError> {
        Ok(Self { database: Database::open(path, &SCHEMA).await? })
    }
}

#[async_trait]
impl Engine for SqliteEngine {
    async fn write(&self, _account_id: &str) -> Result<Box<dyn WriteTransaction + '_>, StoreError> {
        Ok(Box::new(SqliteTransaction(self.database.write().await.map_err(failed)?)))
    }

    async fn snapshot(&self) -> Result<Box<dyn Snapshot + '_>, StoreError> {
        Ok(Box::new(SqliteTransaction(self.database.snapshot().await.map_err(failed)?)))
    }

    async fn lost(&self) -> DatabaseError {
        self.database.lost().await.into()
    }

    async fn close(&self) {
        self.database.close().await;
    }
}

/// A transaction of either kind: a reader's connection cannot write.
struct SqliteTransaction(Transaction<'static, Sqlite>);

#[async_trait]
impl Snapshot for SqliteTransaction {
    /// Nothing is seen before it is on disk.
    async fn confirm(self: Box<Self>) -> Result<(), StoreError> {
        self.0.rollback().await.map_err(failed)
    }
}

#[async_trait]
impl WriteTransaction for SqliteTransaction {
    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        self.0.commit().await.map_err(failed)
    }
}

impl Columns for SqliteRow {
    fn text_or_null(&self, column: &'static str) -> Result<Option<String>, StoreError> {
        self.try_get(column).map_err(|error| StoreError::malformed(column, error))
    }

    fn integer_or_null(&self, column: &'static str) -> Result<Option<i64>, StoreError> {
        self.try_get(column).map_err(|error| StoreError::malformed(column, error))
    }

    fn name(&self, column: &'static str) -> Result<String, StoreError> {
        self.try_get(column).map_err(|error| StoreError::malformed(column, error))
    }
}

#[cfg(test)]
mod tests {
    use sqlx::Executor;

    use super::*;

    /// As the first version made it.
    const FIRST: Schema =
        Schema { migrations: &[include_str!("sqlite/migrations/0001_invoices.sql")], ..SCHEMA };

    const BOOKED: &str = "
        INSERT INTO rating_runs VALUES ('run', 'acme1', '2026-01', 1, 1, '{}', 1);
        INSERT INTO invoices VALUES ('inv-acme1-2026-01', 'N', 'acme1', 'Acme', '2026-01', 'draft', 1, 'plan', 'card',
            1, 'USD', '5', NULL, 'hash', 'run', 1, NULL);
        UPDATE invoices SET status = 'finalized', finalized_at_ms = 1;
        INSERT INTO journal_entries VALUES ('entry', 'acme1', 'inv-acme1-2026-01', 1);
        INSERT INTO postings VALUES ('entry', 0, 'receivable', 'USD', '5'), ('entry', 1, 'cash', 'USD', '-5')";

    #[tokio::test]
    async fn what_the_first_version_wrote_is_read_and_guarded() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("billing.db");
        let first = Database::open(&path, &FIRST).await.unwrap();
        let mut transaction = first.write().await.unwrap();
        sqlx::raw_sql(BOOKED).execute(&mut *transaction).await.unwrap();
        transaction.commit().await.unwrap();
        first.close().await;
        let engine = SqliteEngine::open(&path).await.unwrap();
        let mut snapshot = engine.snapshot().await.unwrap();
        let id = "inv-acme1-2026-01".parse().unwrap();
        assert_eq!(snapshot.header(&id).await.unwrap().unwrap().content_hash, "hash");
        let booked = snapshot.entries(&id).await.unwrap();
        assert_eq!((booked.len(), booked[0].postings.len()), (1, 2));
        snapshot.confirm().await.unwrap();
        let mut transaction = engine.database.write().await.unwrap();
        for further in [
            "INSERT INTO postings VALUES ('entry', 2, 'cash', 'USD', '5')",
            "UPDATE journal_entries SET posting_count = 3",
            "UPDATE invoices SET finalized_at_ms = 2",
        ] {
            let refused = sqlx::raw_sql(further).execute(&mut *transaction).await.unwrap_err().to_string();
            assert!(refused.contains("append-only") || refused.contains("never change"), "{refused}");
        }
    }

    #[tokio::test]
    async fn every_statement_prepares() {
        let dir = tempfile::tempdir().unwrap();
        let engine = SqliteEngine::open(&dir.path().join("billing.db")).await.unwrap();
        let mut connection = engine.database.read().await.unwrap();
        for (file, sql) in statements::ALL {
            let prepared = connection.prepare(sqlx::SqlSafeStr::into_sql_str(*sql)).await;
            assert!(prepared.is_ok(), "{file}: {:?}", prepared.err());
        }
    }
}
