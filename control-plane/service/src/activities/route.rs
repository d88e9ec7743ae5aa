use futures::FutureExt;
use uuid::Uuid;

use super::{Activities, StepError, namespace_of};
use crate::store::{Counter, StoreError, Transaction};

impl Activities {
    /// Lets gateways route to the namespace.
    pub async fn publish_route(&self, workflow_id: &str) -> Result<(), StepError> {
        self.route(workflow_id, true).await
    }

    /// Takes the namespace's route away.
    pub async fn withdraw_route(&self, workflow_id: &str) -> Result<(), StepError> {
        self.route(workflow_id, false).await
    }

    async fn route(&self, workflow_id: &str, routed: bool) -> Result<(), StepError> {
        let set = self.write(workflow_id, |transaction, operation| {
            async move {
                let namespace = namespace_of(transaction, &operation).await?;
                Ok(set_routed(transaction, namespace.uuid, routed).await?)
            }
            .boxed()
        });
        if set.await?.is_some() {
            self.routes.changed();
        }
        Ok(())
    }
}

/// Sets whether a namespace is routed to; the table's version rises where that changes something.
pub(super) async fn set_routed(
    transaction: &mut dyn Transaction,
    uuid: Uuid,
    routed: bool,
) -> Result<(), StoreError> {
    if transaction.set_routed(uuid, routed).await? {
        transaction.raise(Counter::Routes, 0).await?;
    }
    Ok(())
}
