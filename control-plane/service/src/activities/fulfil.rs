use futures::FutureExt;

use super::{Activities, StepError, namespace_of};
use crate::model::{Namespace, NamespaceState, Operation, OperationKind, OperationState};
use crate::store::{Counter, Transaction};

impl Activities {
    /// Marks the operation as fulfilled and its namespace as active, or deleted. Permissions on a deleted namespace end
    /// with it: they are not to hold on another that gets its name.
    pub async fn fulfil(&self, workflow_id: &str) -> Result<(), StepError> {
        let now = self.clock.unix_millis();
        let fulfilled =
            self.write(workflow_id, |transaction, operation| fulfil(transaction, operation, now).boxed());
        let Some(kind) = fulfilled.await? else { return Ok(()) };
        if kind == OperationKind::DeleteNamespace {
            self.reconcile.notify_one();
        }
        tracing::info!(operation = workflow_id, kind = kind.name(), "operation fulfilled");
        Ok(())
    }
}

async fn fulfil(
    transaction: &mut dyn Transaction,
    operation: Operation,
    now: i64,
) -> Result<OperationKind, StepError> {
    let state = match operation.kind {
        OperationKind::CreateNamespace | OperationKind::UpdateNamespace => Some(NamespaceState::Active),
        OperationKind::DeleteNamespace => Some(NamespaceState::Deleted),
        OperationKind::CreateApiKey | OperationKind::DeleteApiKey => None,
    };
    if let Some(state) = state {
        let namespace = namespace_of(transaction, &operation).await?;
        transaction.set_namespace_state(namespace.uuid, state).await?;
        let Namespace { account_id, cloud_id, .. } = &namespace;
        if state == NamespaceState::Deleted && transaction.revoke_namespace(account_id, cloud_id, now).await?
        {
            transaction.raise(Counter::KeySet, 0).await?;
        }
    }
    transaction.finish_operation(&operation.workflow_id, OperationState::Fulfilled, "", now).await?;
    if operation.kind == OperationKind::DeleteNamespace {
        transaction.raise(Counter::Wanted, 0).await?;
    }
    Ok(operation.kind)
}
