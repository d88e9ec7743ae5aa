//! The PostgreSQL engine: one database, as many processes as there are.
//!
//! A transaction that writes takes its account first: an advisory lock of the transaction's own, by a number that is
//! made of the account's id. It needs no row, leaves none behind, ends with the transaction whoever ends that, and
//! works behind a pooler. Two accounts of the same number only wait for one another. What a statement behind it reads
//! is what stood when it had the lock, or later (READ COMMITTED: each statement sees what is committed when it begins).
//!
//! The guards of the tables hold also against who takes no lock: what is issued is looked at under its row's lock.

mod error;
mod invoices;
mod journal;
mod runs;
mod statements;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use atoll_postgres::{Connections, Limits, PostgresOptions, Refusal, Schema, Session, migrate};
use sha2::{Digest, Sha256};
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{Postgres, Row};

use super::columns::Columns;
use super::engine::{Engine, Snapshot, WriteTransaction};
use super::{DatabaseError, StoreError};
use error::failed;

/// Billing's database.
const SCHEMA: Schema = Schema {
    name: "billing",
    migrations: &[
        include_str!("postgres/migrations/0001_invoices.sql"),
        include_str!("postgres/migrations/0002_versions.sql"),
    ],
};

/// Connections that write: months of so many accounts are written at once.
const WRITING: usize = 8;

/// Connections that read.
const READING: usize = 4;

/// A call takes no longer than [`atoll_postgres::Limits::call`].
const USUAL: Duration = Duration::ZERO;

/// How long things may take that write, beyond what is usual: an invoice may have a million lines, which are removed by
/// one statement, and hashed between two. An owner that stops in the middle of a transaction holds its account for as
/// long as a transaction may be idle.
pub(crate) fn limits() -> Limits {
    let long = Duration::from_secs(60);
    Limits {
        call: long + Limits::default().call,
        statement: long,
        idle_in_transaction: long,
        ..Limits::default()
    }
}

/// Reads are of a page each.
fn reading(mut options: PostgresOptions) -> PostgresOptions {
    let (limits, usual) = (&mut options.limits, Limits::default());
    limits.call = limits.call.min(usual.call);
    limits.statement = limits.statement.min(usual.statement);
    options
}

/// A PostgreSQL database with its connections.
pub(super) struct PostgresEngine {
    place: String,
    writing: Connections,
    reading: Connections,
}

impl fmt::Debug for PostgresEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresEngine").field("place", &self.place).finish_non_exhaustive()
    }
}

impl PostgresEngine {
    /// Checks the server, and makes the tables or brings them up to date; refuses what it must not write.
    pub(super) async fn open(options: &PostgresOptions) -> Result<Self, DatabaseError> {
        let place = options.place().to_owned();
        if let Err(refusal) = migrate(options, &SCHEMA).await {
            return Err(DatabaseError::Postgres { place, refusal: Box::new(refusal) });
        }
        let writing = Connections::new(options.clone(), WRITING);
        Ok(Self { place, reading: writing.beside(reading(options.clone()), READING), writing })
    }
}

#[async_trait]
impl Engine for PostgresEngine {
    async fn write(&self, account_id: &str) -> Result<Box<dyn WriteTransaction + '_>, StoreError> {
        let connections = &self.writing;
        let begun = connections.within(USUAL, async {
            let mut session = connections.session().await?;
            session.begin().await?;
            let hold = session.query(statements::HOLD_ACCOUNT).bind(account_number(account_id));
            session.all(hold).await?;
            Ok::<_, Refusal>(session)
        });
        let session = begun.await.map_err(failed)?;
        Ok(Box::new(PostgresTransaction { connections, session }))
    }

    async fn snapshot(&self) -> Result<Box<dyn Snapshot + '_>, StoreError> {
        let connections = &self.reading;
        let begun = connections.within(USUAL, async {
            let mut session = connections.session().await?;
            session.begin_snapshot().await?;
            Ok::<_, Refusal>(session)
        });
        let session = begun.await.map_err(failed)?;
        Ok(Box::new(PostgresTransaction { connections, session }))
    }

    /// A database is nobody's own: nobody takes it away. Where the server is told to lose what it commits, commits are
    /// refused.
    async fn lost(&self) -> DatabaseError {
        std::future::pending().await
    }

    async fn close(&self) {
        self.writing.close().await;
        self.reading.close().await;
    }
}

/// The number that an account is held by.
fn account_number(account_id: &str) -> i64 {
    let digest = Sha256::new().chain_update("billing account ").chain_update(account_id).finalize();
    let mut number = [0; 8];
    number.copy_from_slice(&digest[..8]);
    i64::from_be_bytes(number)
}

/// A transaction of either kind: one that was begun to read cannot write.
struct PostgresTransaction<'a> {
    connections: &'a Connections,
    session: Session<'a>,
}

impl PostgresTransaction<'_> {
    fn query<'q>(&self, text: &'static str) -> Query<'q, Postgres, PgArguments> {
        self.session.query(text)
    }

    /// Runs a statement and answers its rows.
    async fn all(&mut self, query: Query<'_, Postgres, PgArguments>) -> Result<Vec<PgRow>, StoreError> {
        self.connections.within(USUAL, self.session.all(query)).await.map_err(failed)
    }

    /// Runs a statement and answers how many rows it changed.
    async fn run(&mut self, query: Query<'_, Postgres, PgArguments>) -> Result<u64, StoreError> {
        self.connections.within(USUAL, self.session.run(query)).await.map_err(failed)
    }
}

#[async_trait]
impl Snapshot for PostgresTransaction<'_> {
    async fn confirm(self: Box<Self>) -> Result<(), StoreError> {
        let Self { connections, session } = *self;
        connections.within(USUAL, session.undo_and_confirm()).await.map_err(failed)
    }
}

#[async_trait]
impl WriteTransaction for PostgresTransaction<'_> {
    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        let Self { connections, mut session } = *self;
        let committed = connections.within(USUAL, async move {
            session.check_durable().await?;
            session.confirm().await
        });
        committed.await.map_err(failed)
    }
}

impl Columns for PgRow {
    fn text_or_null(&self, column: &'static str) -> Result<Option<String>, StoreError> {
        self.try_get(column).map_err(|error| StoreError::malformed(column, error))
    }

    fn integer_or_null(&self, column: &'static str) -> Result<Option<i64>, StoreError> {
        self.try_get(column).map_err(|error| StoreError::malformed(column, error))
    }

    fn name(&self, column: &'static str) -> Result<String, StoreError> {
        let bytes: Vec<u8> = self.try_get(column).map_err(|error| StoreError::malformed(column, error))?;
        String::from_utf8(bytes).map_err(|error| StoreError::malformed(column, error))
    }
}

#[cfg(test)]
mod tests;
