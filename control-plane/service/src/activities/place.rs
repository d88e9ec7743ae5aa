use super::{Activities, StepError, namespace_of};
use crate::placement::{PlacementRequest, place};
use crate::store::{cells, namespaces};

impl Activities {
    /// Assigns a cell to the operation's namespace. One that has a cell keeps it. Decides and writes in one
    /// transaction, so that two placements never fill one last room.
    pub async fn place(&self, workflow_id: &str) -> Result<(), StepError> {
        let Some(operation) = self.open_operation(workflow_id).await? else { return Ok(()) };
        let mut transaction = self.store.write().await?;
        let namespace = namespace_of(&mut transaction, &operation).await?;
        if namespace.cell_id.is_some() {
            return Ok(());
        }
        let cells = cells::list(&mut transaction).await?;
        let cell = place(&cells, &PlacementRequest { region: &namespace.region })?;
        namespaces::set_cell(&mut transaction, namespace.uuid, &cell.id).await?;
        transaction.commit().await?;
        tracing::info!(namespace = namespace.cloud_id, cell = cell.id, "namespace placed");
        Ok(())
    }
}
