use sqlx::sqlite::SqliteConnection;

use super::route::set_routed;
use super::{Activities, StepError, namespace_of};
use crate::model::{NamespaceState, Operation, OperationKind, OperationState};
use crate::store::{namespaces, operations};

impl Activities {
    /// Undoes an operation that cannot be carried out, and marks it as failed.
    ///
    /// What should be is changed in one transaction and holds at once. The cell follows by the reconciler, which is
    /// woken: a failed creation is removed there, a failed update gets its earlier settings back.
    pub async fn compensate(&self, workflow_id: &str, reason: &str) -> Result<(), StepError> {
        let Some(operation) = self.open_operation(workflow_id).await? else { return Ok(()) };
        let now = self.clock.unix_millis();
        let mut transaction = self.store.write().await?;
        undo(&mut transaction, &operation, now).await?;
        operations::finish(&mut transaction, workflow_id, OperationState::Failed, reason, now).await?;
        transaction.commit().await?;
        tracing::warn!(
            operation = workflow_id,
            kind = operation.kind.name(),
            reason,
            "operation failed and was undone"
        );
        self.routes.changed();
        self.reconcile.notify_one();
        Ok(())
    }
}

async fn undo(
    connection: &mut SqliteConnection,
    operation: &Operation,
    now_ms: i64,
) -> Result<(), StepError> {
    match operation.kind {
        OperationKind::CreateNamespace => {
            let mut namespace = namespace_of(connection, operation).await?;
            set_routed(connection, namespace.uuid, false).await?;
            namespace.state = NamespaceState::ActivationFailed;
            namespace.modified_ms = Some(now_ms);
            // Raises the generation: a late application of the old one can no longer bring it back.
            namespaces::change(connection, &namespace).await?;
        }
        OperationKind::UpdateNamespace => {
            let mut namespace = namespace_of(connection, operation).await?;
            if let Some(previous) = &operation.previous_spec {
                namespace.spec = previous.clone();
            }
            namespace.state = NamespaceState::Active;
            namespace.modified_ms = Some(now_ms);
            namespaces::change(connection, &namespace).await?;
        }
        OperationKind::DeleteNamespace => {
            let namespace = namespace_of(connection, operation).await?;
            namespaces::set_state(connection, namespace.uuid, NamespaceState::DeleteFailed).await?;
        }
        // The set of keys is as decided; the reconciler goes on bringing it to the cells.
        OperationKind::CreateApiKey | OperationKind::DeleteApiKey => {}
    }
    Ok(())
}
