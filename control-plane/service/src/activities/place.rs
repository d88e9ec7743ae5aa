use futures::FutureExt;

use super::{Activities, StepError, namespace_of};
use crate::placement::{PlacementRequest, place};
use crate::store::Lock;

impl Activities {
    /// Assigns a cell to the operation's namespace. One that has a cell keeps it. Decides and writes in one
    /// transaction, so that two placements never fill one last room.
    pub async fn place(&self, workflow_id: &str) -> Result<(), StepError> {
        let assigned = self.write_with(Lock::Placement, workflow_id, |transaction, operation| {
            async move {
                let namespace = namespace_of(transaction, &operation).await?;
                if namespace.cell_id.is_some() {
                    return Ok(None);
                }
                let cells = transaction.cells().await?;
                let cell = place(&cells, &PlacementRequest { region: &namespace.region })?;
                transaction.set_namespace_cell(namespace.uuid, &cell.id).await?;
                Ok(Some((namespace.cloud_id, cell.id.clone())))
            }
            .boxed()
        });
        if let Some((namespace, cell)) = assigned.await?.flatten() {
            tracing::info!(namespace, cell, "namespace placed");
        }
        Ok(())
    }
}
