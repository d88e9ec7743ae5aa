use super::{Activities, StepError, namespace_of};
use crate::placement::{PlacementRequest, place};
use crate::store::Lock;

impl Activities {
    /// Assigns a cell to the operation's namespace. One that has a cell keeps it. Decides and writes in one
    /// transaction, so that two placements never fill one last room.
    pub async fn place(&self, workflow_id: &str) -> Result<(), StepError> {
        let open = self.open_with(Lock::Placement, workflow_id).await?;
        let Some((mut transaction, operation)) = open else { return Ok(()) };
        let namespace = namespace_of(&mut *transaction, &operation).await?;
        if namespace.cell_id.is_some() {
            return Ok(());
        }
        let cells = transaction.cells().await?;
        let cell = place(&cells, &PlacementRequest { region: &namespace.region })?;
        transaction.set_namespace_cell(namespace.uuid, &cell.id).await?;
        transaction.commit().await?;
        tracing::info!(namespace = namespace.cloud_id, cell = cell.id, "namespace placed");
        Ok(())
    }
}
