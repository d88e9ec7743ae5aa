//! Desired state in a database: what may be asked of it, and the two engines that answer.
//!
//! Everything else holds a [`Store`]. It reads in a [`Snapshot`], which sees one moment, or writes in a
//! [`Transaction`], which also reads. A transaction says first what it has to itself ([`Lock`]): what it checks is true
//! when it commits. One transaction per API call holds the change, its operation and its audit record; what a call
//! answered is on disk.
//!
//! # What stands
//!
//! Where commits wait for a standby, rows of a commit whose wait was cut short are seen before the standby has them,
//! and a failover takes them back (see [`atoll_postgres::confirm`]). So:
//!
//! - What a transaction answers, whether it wrote or found that there was nothing to write, and whether it did what was
//!   asked or refused, rests on nothing that a failover takes back. There is no other way out of [`Store::write`] but
//!   the error that the database failed.
//! - Who acts on cells, gateways or workflows by what it has read reads it by [`Store::confirmed`].
//! - Other reads ([`Store::snapshot`]: lists, descriptions, who calls) wait for nobody, and show what the primary shows
//!   now. That may be the change of a call that was not answered, as it may be on one server that crashes.
//!
//! # How it is laid out
//!
//! `engine` is what an engine gives. One file here per aggregate: a trait that reads it and one that writes it. `sql`
//! implements them for both engines; `sqlite` and `postgres` have the texts of the statements, one a file, and the
//! schemas.
//!
//! To add a statement: a line in `sql/statement.rs` and a file in `sql/` of each engine (tests prepare them all, and
//! refuse one that reads a growing table from end to end), a method in the trait of its aggregate, its body in the file
//! of that name in `sql`, and a case in `conformance`. To change the schema: a new file in the `migrations` of each
//! engine, last in its `SCHEMA`.

mod accounts;
mod api_keys;
mod audit;
mod cells;
mod counters;
mod database;
mod engine;
mod error;
mod lease;
mod lock;
mod namespaces;
mod operations;
mod postgres;
mod principals;
mod recovering;
mod regions;
mod sql;
mod sqlite;

#[cfg(test)]
mod conformance;

use std::sync::Arc;

use futures::future::BoxFuture;

#[cfg(test)]
pub(crate) use engine::Look;
pub(crate) use engine::{Engine, Snapshot, Transaction};

pub(crate) use api_keys::KeyFilter;
pub(crate) use cells::Sighting;
pub(crate) use counters::Counter;
pub use database::inspect_database;
pub(crate) use database::open;
pub use error::{DatabaseError, StoreError};
pub(crate) use lease::{LEASE, POLL, Task};
pub(crate) use lock::Lock;
pub(crate) use regions::Region;

/// An open database. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Store(Arc<dyn Engine>);

/// Why work on the store fails: because the store does, or because of what was found there, which is an answer.
pub(crate) trait WorkError: From<StoreError> {
    /// Whether it says what was found.
    fn is_answer(&self) -> bool;
}

impl WorkError for StoreError {
    fn is_answer(&self) -> bool {
        false
    }
}

impl Store {
    /// A look at one moment: that of the first read. For showing what there is; see the module's docs.
    pub(crate) async fn snapshot(&self) -> Result<Box<dyn Snapshot>, StoreError> {
        Ok(self.0.snapshot().await?)
    }

    /// Reads in a look at one moment, and answers when a failover takes nothing of what was seen. For whoever acts by
    /// it.
    pub(crate) async fn confirmed<'a, T, E: WorkError>(
        &self,
        read: impl for<'t> FnOnce(&'t mut (dyn Snapshot + 'a)) -> BoxFuture<'t, Result<T, E>>,
    ) -> Result<T, E> {
        let mut look = self.0.snapshot().await?;
        let found = read(&mut *look).await;
        if found.as_ref().err().is_none_or(E::is_answer) {
            look.confirm().await?;
        }
        found
    }

    /// Does `work` in a transaction that writes and has what `lock` names to itself. What it answers is answered when
    /// it is on disk, with all that it was found by. An error undoes it; where that is an answer, too, a failover takes
    /// nothing of what it was found by. Where the store fails nobody knows whether it stands.
    pub(crate) async fn write<'a, T, E: WorkError>(
        &self,
        lock: Lock<'_>,
        work: impl for<'t> FnOnce(&'t mut (dyn Transaction + 'a)) -> BoxFuture<'t, Result<T, E>>,
    ) -> Result<T, E> {
        let mut transaction = self.0.write(lock).await?;
        let done = work(&mut *transaction).await;
        match &done {
            Ok(_) => transaction.commit().await?,
            Err(error) if error.is_answer() => transaction.undo().await?,
            Err(_) => {}
        }
        done
    }

    /// Takes a task for [`LEASE`] from now on by the database's clock, or renews it; false where another process has
    /// it.
    pub(crate) async fn take(&self, task: Task) -> Result<bool, StoreError> {
        self.0.take(task).await
    }

    /// Lets another process take a task at once, where this one has it.
    pub(crate) async fn give_up(&self, task: Task) -> Result<(), StoreError> {
        self.0.give_up(task).await
    }

    /// Ends when the database is no longer what it was opened as: its file was removed or replaced, or its server was
    /// told to lose what it commits. The process has to end then, at once.
    pub(crate) async fn lost(&self) -> DatabaseError {
        self.0.lost().await
    }

    /// Lets go of the database. Later calls fail; a transaction that runs may still end.
    pub(crate) async fn close(&self) {
        self.0.close().await;
    }
}

#[cfg(test)]
impl Store {
    /// The store of an engine.
    pub(crate) fn of(engine: Arc<dyn Engine>) -> Self {
        Self(engine)
    }

    /// Its engine.
    pub(crate) fn engine(&self) -> Arc<dyn Engine> {
        Arc::clone(&self.0)
    }

    /// A transaction that the test ends.
    pub(crate) async fn begin(&self, lock: Lock<'_>) -> Result<Box<dyn Transaction>, StoreError> {
        self.0.write(lock).await
    }
}
