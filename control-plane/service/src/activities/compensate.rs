use futures::FutureExt;

use super::route::set_routed;
use super::{Activities, StepError, namespace_of};
use crate::model::{NamespaceState, Operation, OperationKind, OperationState};
use crate::store::{Counter, Transaction};

impl Activities {
    /// Undoes an operation that cannot be carried out, and marks it as failed.
    ///
    /// What should be is changed in one transaction and holds at once. The cell follows by the reconciler, which is
    /// woken: a failed creation is removed there, a failed update gets its earlier settings back.
    pub async fn compensate(&self, workflow_id: &str, reason: &str) -> Result<(), StepError> {
        let now = self.clock.unix_millis();
        let undone = self.write(workflow_id, |transaction, operation| {
            async move {
                undo(transaction, &operation, now).await?;
                transaction.finish_operation(workflow_id, OperationState::Failed, reason, now).await?;
                transaction.raise(Counter::Wanted, 0).await?;
                Ok(operation.kind)
            }
            .boxed()
        });
        let Some(kind) = undone.await? else { return Ok(()) };
        tracing::warn!(
            operation = workflow_id,
            kind = kind.name(),
            reason,
            "operation failed and was undone"
        );
        self.routes.changed();
        self.reconcile.notify_one();
        Ok(())
    }
}

async fn undo(
    transaction: &mut dyn Transaction,
    operation: &Operation,
    now_ms: i64,
) -> Result<(), StepError> {
    match operation.kind {
        OperationKind::CreateNamespace => {
            let mut namespace = namespace_of(transaction, operation).await?;
            set_routed(transaction, namespace.uuid, false).await?;
            namespace.state = NamespaceState::ActivationFailed;
            namespace.modified_ms = Some(now_ms);
            // Raises the generation: a late application of the old one can no longer bring it back.
            transaction.change_namespace(&namespace).await?;
        }
        OperationKind::UpdateNamespace => {
            let mut namespace = namespace_of(transaction, operation).await?;
            if let Some(previous) = &operation.previous_spec {
                namespace.spec = previous.clone();
            }
            namespace.state = NamespaceState::Active;
            namespace.modified_ms = Some(now_ms);
            transaction.change_namespace(&namespace).await?;
        }
        OperationKind::DeleteNamespace => {
            let namespace = namespace_of(transaction, operation).await?;
            transaction.set_namespace_state(namespace.uuid, NamespaceState::DeleteFailed).await?;
        }
        // The set of keys is as decided; the reconciler goes on bringing it to the cells.
        OperationKind::CreateApiKey | OperationKind::DeleteApiKey => {}
    }
    Ok(())
}
