use super::{Activities, StepError, namespace_of};
use crate::model::{NamespaceState, OperationKind, OperationState};
use crate::store::{namespaces, operations};

impl Activities {
    /// Marks the operation as fulfilled and its namespace as active, or deleted.
    pub async fn fulfil(&self, workflow_id: &str) -> Result<(), StepError> {
        let Some(operation) = self.open_operation(workflow_id).await? else { return Ok(()) };
        let state = match operation.kind {
            OperationKind::CreateNamespace | OperationKind::UpdateNamespace => Some(NamespaceState::Active),
            OperationKind::DeleteNamespace => Some(NamespaceState::Deleted),
            OperationKind::CreateApiKey | OperationKind::DeleteApiKey => None,
        };
        let mut transaction = self.store.write().await?;
        if let Some(state) = state {
            let namespace = namespace_of(&mut transaction, &operation).await?;
            namespaces::set_state(&mut transaction, namespace.uuid, state).await?;
        }
        let now = self.clock.unix_millis();
        operations::finish(&mut transaction, workflow_id, OperationState::Fulfilled, "", now).await?;
        transaction.commit().await?;
        tracing::info!(operation = workflow_id, kind = operation.kind.name(), "operation fulfilled");
        Ok(())
    }
}
