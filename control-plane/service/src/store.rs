//! Desired state in a database: what may be asked of it, and the two engines that answer.
//!
//! Everything else holds an `Arc<dyn Store>` and reads in a [`Snapshot`], which sees one moment, or writes in a
//! [`Transaction`], which also reads. A transaction says first what it has to itself ([`Lock`]): what it checks is true
//! when it commits. It is committed in so many words; dropped, it is undone. One transaction per API call holds the
//! change, its operation and its audit record; what a call answered is on disk.
//!
//! One file here per aggregate: a trait that reads it and one that writes it. `sql` implements them for both engines;
//! `sqlite` and `postgres` have the texts of the statements, one a file, and the schemas.
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

use std::fmt;

use async_trait::async_trait;

use accounts::{ReadAccounts, WriteAccounts};
use api_keys::{ReadApiKeys, WriteApiKeys};
use audit::{ReadAudit, WriteAudit};
use cells::{ReadCells, WriteCells};
use counters::{ReadCounters, WriteCounters};
use namespaces::{ReadNamespaces, WriteNamespaces};
use operations::{ReadOperations, WriteOperations};
use principals::{ReadPrincipals, WritePrincipals};
use recovering::{ReadRecovering, WriteRecovering};
use regions::{ReadRegions, WriteRegions};

pub(crate) use api_keys::KeyFilter;
pub(crate) use cells::Sighting;
pub(crate) use counters::Counter;
pub use database::inspect_database;
pub(crate) use database::open;
pub use error::{DatabaseError, StoreError};
pub(crate) use lease::{LEASE, POLL, Task};
pub(crate) use lock::Lock;
pub(crate) use regions::Region;

/// An open database.
#[async_trait]
pub(crate) trait Store: fmt::Debug + Send + Sync + 'static {
    /// A look at one moment: that of the first read.
    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, StoreError>;

    /// A transaction that writes, and has what `lock` names to itself. When its commit returns, it is on disk.
    async fn write(&self, lock: Lock<'_>) -> Result<Box<dyn Transaction>, StoreError>;

    /// Takes a task for [`LEASE`] from now on by the database's clock, or renews it; false where another process has
    /// it.
    async fn take(&self, task: Task) -> Result<bool, StoreError>;

    /// Lets another process take a task at once, where this one has it.
    async fn give_up(&self, task: Task) -> Result<(), StoreError>;

    /// Ends when the database is no longer what it was opened as: its file was removed or replaced, or its server was
    /// told to lose what it commits. The process has to end then, at once.
    async fn lost(&self) -> DatabaseError;

    /// Lets go of the database. Later calls fail; a transaction that runs may still end.
    async fn close(&self);
}

/// Everything that may be read, as of one moment.
pub(crate) trait Snapshot:
    ReadAccounts
    + ReadApiKeys
    + ReadAudit
    + ReadCells
    + ReadCounters
    + ReadNamespaces
    + ReadOperations
    + ReadPrincipals
    + ReadRecovering
    + ReadRegions
{
}

impl<T> Snapshot for T where
    T: ReadAccounts
        + ReadApiKeys
        + ReadAudit
        + ReadCells
        + ReadCounters
        + ReadNamespaces
        + ReadOperations
        + ReadPrincipals
        + ReadRecovering
        + ReadRegions
{
}

/// Everything that may be changed. What is read is as of now, and stays so where it is of what was locked. Dropped, it
/// is undone.
#[async_trait]
pub(crate) trait Transaction:
    Snapshot
    + WriteAccounts
    + WriteApiKeys
    + WriteAudit
    + WriteCells
    + WriteCounters
    + WriteNamespaces
    + WriteOperations
    + WritePrincipals
    + WriteRecovering
    + WriteRegions
{
    /// Makes everything stand, or nothing. After an error nobody knows which.
    async fn commit(self: Box<Self>) -> Result<(), StoreError>;
}
