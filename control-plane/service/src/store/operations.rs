use async_trait::async_trait;

use super::StoreError;
use crate::model::{Operation, OperationState};

/// Async operations, as of one moment.
#[async_trait]
pub(crate) trait ReadOperations: Send {
    async fn operation(&mut self, workflow_id: &str) -> Result<Option<Operation>, StoreError>;

    async fn operation_by_id(&mut self, account_id: &str, id: &str) -> Result<Option<Operation>, StoreError>;

    /// The oldest operations whose workflows are not known to be started; of those of one moment in the order in which
    /// they were inserted.
    async fn operations_to_start(&mut self, limit: i64) -> Result<Vec<Operation>, StoreError>;
}

/// Changes of async operations.
#[async_trait]
pub(crate) trait WriteOperations: Send {
    /// Inserts a pending operation, which is thereby in the outbox. Refused where its account has one of this id.
    async fn insert_operation(&mut self, operation: &Operation) -> Result<(), StoreError>;

    /// Takes an operation out of the outbox.
    async fn set_started(&mut self, workflow_id: &str) -> Result<(), StoreError>;

    /// Marks a pending operation as in progress; any other stays as it is.
    async fn begin_operation(&mut self, workflow_id: &str) -> Result<(), StoreError>;

    /// Ends an operation; one that has ended stays as it is.
    async fn finish_operation(
        &mut self,
        workflow_id: &str,
        state: OperationState,
        reason: &str,
        now_ms: i64,
    ) -> Result<(), StoreError>;
}
