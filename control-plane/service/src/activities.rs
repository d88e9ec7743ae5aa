//! The steps of operations: what durable workflows run. One step per file.
//!
//! Every step is idempotent, reads what it needs from the database when it runs, and does nothing where its operation
//! has ended. So it may run twice, late, or after a crash in its middle. A step writes its result in one transaction.

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
use tokio::sync::Notify;
use uuid::Uuid;

use crate::cells::{CellClient, CellError};
use crate::model::{Cell, Namespace, Operation, Recovering};
use crate::placement::NoPlace;
use crate::routing::RouteTable;
use crate::store::{Store, StoreError, cells, namespaces, operations};

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
            Self::NoPlace(_) | Self::Recovering(_) | Self::Store(StoreError::Sql(_)) => true,
            Self::Cell(error) => error.is_retryable(),
            Self::Store(_) | Self::UnknownOperation(_) | Self::Inconsistent(_) => false,
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

impl From<sqlx::Error> for StepError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Activities {
    /// The operation, unless it has ended.
    async fn open_operation(&self, workflow_id: &str) -> Result<Option<Operation>, StepError> {
        let mut connection = self.store.read().await?;
        let operation = operations::get(&mut connection, workflow_id).await?;
        let operation = operation.ok_or_else(|| StepError::UnknownOperation(workflow_id.to_owned()))?;
        Ok((!operation.is_finished()).then_some(operation))
    }

    async fn cell(&self, id: &str) -> Result<Cell, StepError> {
        let mut connection = self.store.read().await?;
        let cell = cells::get(&mut connection, id).await?;
        cell.ok_or_else(|| StepError::Inconsistent(format!("there is no cell {id}")))
    }

    async fn namespace(&self, operation: &Operation) -> Result<Namespace, StepError> {
        let mut connection = self.store.read().await?;
        namespace_of(&mut connection, operation).await
    }
}

/// The namespace that an operation is about.
async fn namespace_of(
    connection: &mut sqlx::sqlite::SqliteConnection,
    operation: &Operation,
) -> Result<Namespace, StepError> {
    let missing =
        || StepError::Inconsistent(format!("operation {} is about no namespace", operation.workflow_id));
    let uuid: Uuid = operation.subject.parse().map_err(|_| missing())?;
    namespaces::get(connection, uuid).await?.ok_or_else(missing)
}
