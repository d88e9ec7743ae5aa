use super::{Activities, StepError, namespace_of};
use crate::model::{Namespace, NamespaceState, OperationKind, OperationState};
use crate::store::Counter;

impl Activities {
    /// Marks the operation as fulfilled and its namespace as active, or deleted. Permissions on a deleted namespace end
    /// with it: they are not to hold on another that gets its name.
    pub async fn fulfil(&self, workflow_id: &str) -> Result<(), StepError> {
        let Some((mut transaction, operation)) = self.open(workflow_id).await? else { return Ok(()) };
        let state = match operation.kind {
            OperationKind::CreateNamespace | OperationKind::UpdateNamespace => Some(NamespaceState::Active),
            OperationKind::DeleteNamespace => Some(NamespaceState::Deleted),
            OperationKind::CreateApiKey | OperationKind::DeleteApiKey => None,
        };
        let now = self.clock.unix_millis();
        if let Some(state) = state {
            let namespace = namespace_of(&mut *transaction, &operation).await?;
            transaction.set_namespace_state(namespace.uuid, state).await?;
            let Namespace { account_id, cloud_id, .. } = &namespace;
            if state == NamespaceState::Deleted
                && transaction.revoke_namespace(account_id, cloud_id, now).await?
            {
                transaction.raise(Counter::KeySet, 0).await?;
            }
        }
        transaction.finish_operation(workflow_id, OperationState::Fulfilled, "", now).await?;
        if operation.kind == OperationKind::DeleteNamespace {
            transaction.raise(Counter::Wanted, 0).await?;
        }
        transaction.commit().await?;
        if operation.kind == OperationKind::DeleteNamespace {
            self.reconcile.notify_one();
        }
        tracing::info!(operation = workflow_id, kind = operation.kind.name(), "operation fulfilled");
        Ok(())
    }
}
