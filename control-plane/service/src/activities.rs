//! The steps of operations: what durable workflows run. One step per file.
//!
//! Every step is idempotent, and does nothing where its operation has ended: what it writes it writes in one
//! transaction, which has the operation's account to itself and reads there that the operation goes on; what it asks of
//! cells it has read where no failover takes it back ([`Store::confirmed`](crate::store::Store::confirmed)), and has a
//! generation, of which they take no older one. So it may run twice, late, beside another step of its
//! operation, or after a crash in its middle.

mod apply_namespace;
mod begin;
mod compensate;
mod fulfil;
mod place;
mod push_keys;
mod remove_namespace;
mod route;
mod settle;

#[cfg(test)]
mod interleaved;
#[cfg(test)]
mod left_behind;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use atoll_rpc::Clock;
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::cells::{CellClient, CellError};
use crate::model::{Cell, Namespace, Operation, Pushed, Recovering};
use crate::placement::NoPlace;
use crate::routing::RouteTable;
use crate::store::{Lock, Snapshot, Store, StoreError, Transaction, WorkError};

/// The steps of operations over namespaces and API keys, each by the id of its operation's workflow.
#[derive(Clone)]
pub struct Activities {
    pub(crate) store: Store,
    pub(crate) cells: Arc<dyn CellClient>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) routes: RouteTable,
    /// Wakes the reconciler: a compensation leaves work for it.
    pub(crate) reconcile: Arc<Notify>,
}

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// No cell can take the namespace now.
    #[error(transparent)]
    NoPlace(#[from] NoPlace),
    /// A cell is away, or refuses.
    #[error(transparent)]
    Cell(#[from] CellError),
    /// A cell is ahead of this database, and an operator has to decide.
    #[error("{0}")]
    Recovering(Recovering),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no such operation: this database did not decide it.
    #[error("there is no operation {0}")]
    UnknownOperation(String),
    /// What the operation is about is not as its step needs it.
    #[error("{0}")]
    Inconsistent(String),
}

impl StepError {
    /// Whether the same step may succeed later.
    pub const fn is_retryable(&self) -> bool {
        match self {
            Self::NoPlace(_) | Self::Recovering(_) => true,
            Self::Cell(error) => error.is_retryable(),
            Self::Store(error) => error.is_retryable(),
            Self::UnknownOperation(_) | Self::Inconsistent(_) => false,
        }
    }

    /// A stable name, for a workflow's failure type.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::NoPlace(_) => "NoPlace",
            Self::Cell(CellError::Unavailable { .. }) => "CellUnavailable",
            Self::Cell(CellError::Refused { .. }) => "CellRefused",
            Self::Recovering(_) => "Recovering",
            Self::Store(_) => "Store",
            Self::UnknownOperation(_) => "UnknownOperation",
            Self::Inconsistent(_) => "Inconsistent",
        }
    }
}

impl WorkError for StepError {
    fn is_answer(&self) -> bool {
        !matches!(self, Self::Store(_))
    }
}

impl Activities {
    /// Writes in a transaction that has the operation's account to itself; none where the operation has ended.
    async fn write<'a, T: Send>(
        &self,
        workflow_id: &'a str,
        work: impl for<'t> FnOnce(
            &'t mut (dyn Transaction + 'a),
            Operation,
        ) -> BoxFuture<'t, Result<T, StepError>>
        + Send
        + 'a,
    ) -> Result<Option<T>, StepError> {
        self.write_with(Lock::Account, workflow_id, work).await
    }

    /// As [`write`](Self::write), with a lock that includes the account.
    async fn write_with<'a, T: Send>(
        &self,
        lock: impl FnOnce(&'a str) -> Lock<'a>,
        workflow_id: &'a str,
        work: impl for<'t> FnOnce(
            &'t mut (dyn Transaction + 'a),
            Operation,
        ) -> BoxFuture<'t, Result<T, StepError>>
        + Send
        + 'a,
    ) -> Result<Option<T>, StepError> {
        let account_id = Operation::account_of(workflow_id);
        let account_id = account_id.ok_or_else(|| StepError::UnknownOperation(workflow_id.to_owned()))?;
        let write = self.store.write(lock(account_id), |transaction| {
            async move {
                let operation = unfinished(transaction, workflow_id).await?;
                let Some(operation) = operation else { return Ok(None) };
                work(transaction, operation).await.map(Some)
            }
            .boxed()
        });
        write.await
    }
}

/// The operation, unless it has ended.
async fn unfinished(snapshot: &mut dyn Snapshot, workflow_id: &str) -> Result<Option<Operation>, StepError> {
    let operation = snapshot.operation(workflow_id).await?;
    let operation = operation.ok_or_else(|| StepError::UnknownOperation(workflow_id.to_owned()))?;
    Ok((!operation.is_finished()).then_some(operation))
}

async fn cell_of(snapshot: &mut dyn Snapshot, id: &str) -> Result<Cell, StepError> {
    let cell = snapshot.cell(id).await?;
    cell.ok_or_else(|| StepError::Inconsistent(format!("there is no cell {id}")))
}

/// The namespace that an operation is about.
async fn namespace_of(snapshot: &mut dyn Snapshot, operation: &Operation) -> Result<Namespace, StepError> {
    let missing =
        || StepError::Inconsistent(format!("operation {} is about no namespace", operation.workflow_id));
    let uuid: Uuid = operation.subject.parse().map_err(|_| missing())?;
    snapshot.namespace(uuid).await?.ok_or_else(missing)
}

/// The namespace that an operation is about, with the cell that it is placed in, if it is: none where the operation has
/// ended. Refuses while an operator has to decide about it.
async fn placed(
    snapshot: &mut dyn Snapshot,
    workflow_id: &str,
) -> Result<Option<(Namespace, Option<Cell>)>, StepError> {
    let Some(operation) = unfinished(snapshot, workflow_id).await? else { return Ok(None) };
    let namespace = namespace_of(snapshot, &operation).await?;
    let Some(cell_id) = &namespace.cell_id else { return Ok(Some((namespace, None))) };
    Activities::unless_recovering(snapshot, Pushed::Namespace(namespace.uuid)).await?;
    let cell = cell_of(snapshot, cell_id).await?;
    Ok(Some((namespace, Some(cell))))
}
