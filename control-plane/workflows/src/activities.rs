//! What workflows ask of the world. Implemented by the control plane and by billing, registered by the worker.

pub(crate) mod billing_month;
pub(crate) mod namespace;

use async_trait::async_trait;

use crate::failure::ActivityFailure;
use crate::input::{
    FailedOperation, MonthDraft, MonthDraftInput, MonthInput, MonthOutput, MonthSnapshot, OperationInput,
};

/// Steps of the workflows over namespaces and API keys. Every one is idempotent, and says by
/// [`ActivityFailure::retryable`] whether trying again can help.
#[async_trait]
pub trait NamespaceActivities: Send + Sync + 'static {
    /// Marks the operation as in progress.
    async fn begin(&self, operation: OperationInput) -> Result<(), ActivityFailure>;
    /// Assigns a cell. A namespace that has one keeps it.
    async fn place(&self, operation: OperationInput) -> Result<(), ActivityFailure>;
    /// Brings the assigned cell to the namespace's newest settings.
    async fn apply_namespace(&self, operation: OperationInput) -> Result<(), ActivityFailure>;
    /// Brings the cells that the operation concerns to the current set of API keys.
    async fn push_keys(&self, operation: OperationInput) -> Result<(), ActivityFailure>;
    /// Lets gateways route to the namespace.
    async fn publish_route(&self, operation: OperationInput) -> Result<(), ActivityFailure>;
    /// Takes the namespace's route away.
    async fn withdraw_route(&self, operation: OperationInput) -> Result<(), ActivityFailure>;
    /// Removes the namespace and what it holds from its cell.
    async fn remove_namespace(&self, operation: OperationInput) -> Result<(), ActivityFailure>;
    /// Marks the operation as fulfilled and its subject as active, or deleted.
    async fn fulfil(&self, operation: OperationInput) -> Result<(), ActivityFailure>;
    /// Undoes what the operation did so far, and marks it as failed with the reason. What is undone in the database
    /// holds at once; a cell that cannot be reached follows later, by the control plane's reconciler.
    async fn compensate(&self, failed: FailedOperation) -> Result<(), ActivityFailure>;
}

/// Steps of closing a billing month. Every one is idempotent.
#[async_trait]
pub trait BillingMonthActivities: Send + Sync + 'static {
    /// Checks that the month may be closed, and keeps everything that its invoice is computed from.
    async fn check_complete(&self, month: MonthInput) -> Result<MonthSnapshot, ActivityFailure>;
    /// Rates what was kept and makes the result the month's draft.
    async fn rate(&self, run: MonthDraftInput) -> Result<MonthDraft, ActivityFailure>;
    /// Issues exactly this draft. A failure of kind `Superseded` says that another draft replaced it.
    async fn finalize(&self, draft: MonthDraft) -> Result<MonthOutput, ActivityFailure>;
}
