//! The SQLite engine: one file, one process, one transaction that writes at a time.

use std::path::Path;

use async_trait::async_trait;
use atoll_sqlite::{Database, Schema};
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Decode, Row as _, Sqlite, Type};
use uuid::Uuid;

use super::engine::Look;
use super::sql::{Row, Session, Statement, Value};
use super::{DatabaseError, Engine, Lock, StoreError, Task, Transaction};

/// The control plane's database.
const SCHEMA: Schema = Schema {
    name: "control plane",
    mark: *b"ATCP",
    migrations: &[
        include_str!("sqlite/migrations/0001_desired_state.sql"),
        include_str!("sqlite/migrations/0002_recovering.sql"),
        include_str!("sqlite/migrations/0003_wanted.sql"),
        include_str!("sqlite/migrations/0004_namespaces_of_cells.sql"),
    ],
};

/// An open file.
#[derive(Debug)]
pub(super) struct SqliteStore(Database);

impl SqliteStore {
    pub(super) async fn inspect(file: &Path) -> Result<(), DatabaseError> {
        Ok(Database::inspect(file, &SCHEMA).await?)
    }

    pub(super) async fn open(file: &Path) -> Result<Self, DatabaseError> {
        Ok(Self(Database::open(file, &SCHEMA).await?))
    }
}

#[async_trait]
impl Engine for SqliteStore {
    async fn snapshot(&self) -> Result<Box<dyn Look>, StoreError> {
        Ok(Box::new(SqliteSession(self.0.snapshot().await.map_err(failed)?)))
    }

    /// Whatever is named: one transaction writes at a time.
    async fn write(&self, _lock: Lock<'_>) -> Result<Box<dyn Transaction>, StoreError> {
        Ok(Box::new(SqliteSession(self.0.write().await.map_err(failed)?)))
    }

    /// The file is this process's alone, and so is the work.
    async fn take(&self, _task: Task) -> Result<bool, StoreError> {
        Ok(true)
    }

    async fn give_up(&self, _task: Task) -> Result<(), StoreError> {
        Ok(())
    }

    async fn lost(&self) -> DatabaseError {
        self.0.lost().await.into()
    }

    async fn close(&self) {
        self.0.close().await;
    }
}

/// A transaction. Dropped, it is undone.
struct SqliteSession(sqlx::Transaction<'static, Sqlite>);

#[async_trait]
impl Session for SqliteSession {
    type Row = SqliteRow;

    async fn all(
        &mut self,
        statement: Statement,
        values: &[Value<'_>],
    ) -> Result<Vec<SqliteRow>, StoreError> {
        bound(statement, values)?.fetch_all(&mut *self.0).await.map_err(failed)
    }

    async fn run(&mut self, statement: Statement, values: &[Value<'_>]) -> Result<u64, StoreError> {
        let done = bound(statement, values)?.execute(&mut *self.0).await.map_err(failed)?;
        Ok(done.rows_affected())
    }
}

#[async_trait]
impl Transaction for SqliteSession {
    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        self.0.commit().await.map_err(failed)
    }

    async fn undo(self: Box<Self>) -> Result<(), StoreError> {
        self.0.rollback().await.map_err(failed)
    }
}

/// Nothing is seen before it is on disk.
#[async_trait]
impl Look for SqliteSession {
    async fn confirm(self: Box<Self>) -> Result<(), StoreError> {
        self.0.rollback().await.map_err(failed)
    }
}

fn bound(
    statement: Statement,
    values: &[Value<'_>],
) -> Result<Query<'static, Sqlite, SqliteArguments>, StoreError> {
    let mut query = sqlx::query(statement.sqlite());
    for value in values {
        value.check()?;
        query = match *value {
            Value::Text(text) => query.bind(text.to_owned()),
            Value::Integer(number) => query.bind(number),
            Value::MaybeInteger(number) => query.bind(number),
            Value::Flag(flag) => query.bind(flag),
            Value::Bytes(bytes) => query.bind(bytes.to_vec()),
            Value::MaybeBytes(bytes) => query.bind(bytes.map(<[u8]>::to_vec)),
            Value::Uuid(uuid) => query.bind(uuid.as_bytes().to_vec()),
        };
    }
    Ok(query)
}

fn failed(error: sqlx::Error) -> StoreError {
    use sqlx::error::ErrorKind::Other;
    match &error {
        sqlx::Error::Database(found) if !matches!(found.kind(), Other) => {
            StoreError::Refused(found.message().to_owned())
        }
        _ => StoreError::Unavailable(error.to_string()),
    }
}

fn get<'r, T: Decode<'r, Sqlite> + Type<Sqlite>>(
    row: &'r SqliteRow,
    column: &'static str,
) -> Result<T, StoreError> {
    row.try_get(column).map_err(|error| StoreError::malformed(column, error))
}

impl Row for SqliteRow {
    fn text(&self, column: &'static str) -> Result<String, StoreError> {
        get(self, column)
    }

    fn maybe_text(&self, column: &'static str) -> Result<Option<String>, StoreError> {
        get(self, column)
    }

    fn integer(&self, column: &'static str) -> Result<i64, StoreError> {
        get(self, column)
    }

    fn maybe_integer(&self, column: &'static str) -> Result<Option<i64>, StoreError> {
        get(self, column)
    }

    fn flag(&self, column: &'static str) -> Result<bool, StoreError> {
        get(self, column)
    }

    fn bytes(&self, column: &'static str) -> Result<Vec<u8>, StoreError> {
        get(self, column)
    }

    fn maybe_bytes(&self, column: &'static str) -> Result<Option<Vec<u8>>, StoreError> {
        get(self, column)
    }

    fn uuid(&self, column: &'static str) -> Result<Uuid, StoreError> {
        let bytes: Vec<u8> = get(self, column)?;
        Uuid::from_slice(&bytes).map_err(|error| StoreError::malformed(column, error))
    }
}

#[cfg(test)]
mod tests;
