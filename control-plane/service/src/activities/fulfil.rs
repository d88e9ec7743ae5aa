use super::{Activities, StepError, namespace_of};
use crate::model::{Namespace, NamespaceState, OperationKind, OperationState};
use crate::store::counters::{self, Counter};
use crate::store::{namespaces, operations, principals};

impl Activities {
    /// Marks the operation as fulfilled and its namespace as active, or deleted. Permissions on a deleted namespace end
    /// with it: they are not to hold on another that gets its name.
    pub async fn fulfil(&self, workflow_id: &str) -> Result<(), StepError> {
        let Some(operation) = self.open_operation(workflow_id).await? else { return Ok(()) };
        let state = match operation.kind {
            OperationKind::CreateNamespace | OperationKind::UpdateNamespace => Some(NamespaceState::Active),
            OperationKind::DeleteNamespace => Some(NamespaceState::Deleted),
            OperationKind::CreateApiKey | OperationKind::DeleteApiKey => None,
        };
        let now = self.clock.unix_millis();
        let mut transaction = self.store.write().await?;
        if let Some(state) = state {
            let namespace = namespace_of(&mut transaction, &operation).await?;
            namespaces::set_state(&mut transaction, namespace.uuid, state).await?;
            let Namespace { account_id, cloud_id, .. } = &namespace;
            if state == NamespaceState::Deleted
                && principals::revoke_namespace(&mut transaction, account_id, cloud_id, now).await?
            {
                counters::raise(&mut transaction, Counter::KeySet, 0).await?;
            }
        }
        operations::finish(&mut transaction, workflow_id, OperationState::Fulfilled, "", now).await?;
        transaction.commit().await?;
        if operation.kind == OperationKind::DeleteNamespace {
            self.reconcile.notify_one();
        }
        tracing::info!(operation = workflow_id, kind = operation.kind.name(), "operation fulfilled");
        Ok(())
    }
}
