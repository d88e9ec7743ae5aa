//! Storage: rating runs, invoices with their lines, the journal.
//!
//! Rules stand once, above the engines: `runs.rs`, `invoices.rs` with its folder, `journal.rs` say when a draft may be
//! replaced, when a month may be finalized, what a repeat answers. They check within the transaction that writes.
//! An engine ([`engine::Engine`]) gives that transaction, which holds the account, and snapshots, which see one moment;
//! its statements read and write rows and decide nothing. `columns.rs` is what both make of values.
//!
//! What a call answered is on disk. A call that failed with [`StoreError::Unavailable`] stands whole or not at all;
//! repeated, it answers what stands.
//!
//! Where commits wait for a standby, rows of a commit whose wait was cut short are seen before the standby has them,
//! and a failover takes them back (see [`atoll_postgres::confirm`]). Nothing that is answered here rests on such rows,
//! whether it was written or read: an invoice that somebody has seen is not gone. [`Store::write`] and [`Store::read`]
//! are the only ways to an engine, and end with that; while such a standby is away they fail.
//!
//! To add a statement: its method in the trait of its aggregate in `engine.rs`; in each engine a file in `sql/`, a line
//! in `statements.rs`, whose test prepares it, and the method. To change the schema: a new file in each engine's
//! `migrations/`, last in its `SCHEMA`. To add a rule: its case in `conformance.rs`, which runs on both engines.

mod columns;
#[cfg(test)]
mod conformance;
mod database;
mod engine;
mod invoices;
mod journal;
mod postgres;
mod runs;
mod sqlite;

use std::sync::Arc;

use atoll_database::Database;
use futures::future::BoxFuture;
use thiserror::Error;

use engine::{Engine, Snapshot, WriteTransaction};

pub use database::DatabaseError;
pub(crate) use invoices::{DraftWrite, FinalizeWrite, InvoiceRecord, IssuedMonth};
#[cfg(test)]
pub(crate) use journal::BookedEntry;
pub(crate) use postgres::limits;
pub use sqlite::inspect as inspect_database;

/// What can go wrong with storage.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The database is away or busy, or it is unknown whether a commit stands. Passing: the caller repeats the call.
    #[error("billing database: {0}")]
    Unavailable(String),
    /// The database itself forbids the change, whatever the rules above it said.
    #[error("the billing database refuses a change: {0}")]
    Refused(String),
    /// A stored value cannot be read back.
    #[error("the billing database holds a malformed {what}: {problem}")]
    Malformed {
        /// Which value.
        what: &'static str,
        /// Why.
        problem: String,
    },
    /// More than an invoice may have.
    #[error("{count} {what} are more than an invoice may have: {limit}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there are.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
}

impl StoreError {
    pub(crate) fn malformed(what: &'static str, problem: impl ToString) -> Self {
        Self::Malformed { what, problem: problem.to_string() }
    }
}

/// The database, whichever it is. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    engine: Arc<dyn Engine>,
}

impl Store {
    /// Opens the database, making or migrating its tables as needed. One that is foreign, newer, not durable or, of
    /// SQLite, another process's is refused, and nothing has been written then.
    pub(crate) async fn open(database: &Database) -> Result<Self, DatabaseError> {
        let engine: Arc<dyn Engine> = match database {
            Database::Sqlite(path) => Arc::new(sqlite::SqliteEngine::open(path).await?),
            Database::Postgres(options) => Arc::new(postgres::PostgresEngine::open(options).await?),
        };
        Ok(Self { engine })
    }

    /// Does `work` in a transaction that has the account to itself: see [`Engine::write`]. What it answers is answered
    /// when it stands, with all that it was found by; an error undoes it.
    async fn write<'a, T>(
        &'a self,
        account_id: &str,
        work: impl for<'t> FnOnce(&'t mut (dyn WriteTransaction + 'a)) -> BoxFuture<'t, Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let mut transaction = self.engine.write(account_id).await?;
        let done = work(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(done)
    }

    /// Reads in a view of one moment, and answers when a failover takes nothing of what was seen.
    async fn read<'a, T>(
        &'a self,
        read: impl for<'t> FnOnce(&'t mut (dyn Snapshot + 'a)) -> BoxFuture<'t, Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let mut snapshot = self.engine.snapshot().await?;
        let found = read(&mut *snapshot).await?;
        snapshot.confirm().await?;
        Ok(found)
    }

    /// Ends when the database is this process's no longer: see [`engine::Engine::lost`].
    pub(crate) async fn lost(&self) -> DatabaseError {
        self.engine.lost().await
    }

    /// Closes every connection; later calls fail.
    pub(crate) async fn close(&self) {
        self.engine.close().await;
    }
}
