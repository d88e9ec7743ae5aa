//! What an engine gives: looks at one moment, and transactions that write. How they end is [`Store`](super::Store)'s
//! affair alone.

use std::fmt;

use async_trait::async_trait;

use super::accounts::{ReadAccounts, WriteAccounts};
use super::api_keys::{ReadApiKeys, WriteApiKeys};
use super::audit::{ReadAudit, WriteAudit};
use super::cells::{ReadCells, WriteCells};
use super::counters::{ReadCounters, WriteCounters};
use super::namespaces::{ReadNamespaces, WriteNamespaces};
use super::operations::{ReadOperations, WriteOperations};
use super::principals::{ReadPrincipals, WritePrincipals};
use super::recovering::{ReadRecovering, WriteRecovering};
use super::regions::{ReadRegions, WriteRegions};
use super::{DatabaseError, Lock, StoreError, Task};

/// A database engine.
#[async_trait]
pub(crate) trait Engine: fmt::Debug + Send + Sync + 'static {
    /// A look at one moment: that of the first read.
    async fn snapshot(&self) -> Result<Box<dyn Look>, StoreError>;

    /// A transaction that writes, and has what `lock` names to itself.
    async fn write(&self, lock: Lock<'_>) -> Result<Box<dyn Transaction>, StoreError>;

    /// See [`Store::take`](super::Store::take).
    async fn take(&self, task: Task) -> Result<bool, StoreError>;

    /// See [`Store::give_up`](super::Store::give_up).
    async fn give_up(&self, task: Task) -> Result<(), StoreError>;

    /// See [`Store::lost`](super::Store::lost).
    async fn lost(&self) -> DatabaseError;

    /// See [`Store::close`](super::Store::close).
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

/// A look at one moment.
#[async_trait]
pub(crate) trait Look: Snapshot {
    /// Ends it. Then a failover takes nothing of what it has seen.
    async fn confirm(self: Box<Self>) -> Result<(), StoreError>;
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
    /// Makes everything stand, or nothing; then it is on disk, and a failover takes neither it nor what was seen. After
    /// an error nobody knows which.
    async fn commit(self: Box<Self>) -> Result<(), StoreError>;

    /// Makes nothing stand. Then a failover takes nothing of what was seen.
    async fn undo(self: Box<Self>) -> Result<(), StoreError>;
}
