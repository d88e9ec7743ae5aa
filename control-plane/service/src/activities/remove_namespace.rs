use super::{Activities, StepError};
use crate::model::Pushed;

impl Activities {
    /// Removes the namespace and what it holds from its cell.
    pub async fn remove_namespace(&self, workflow_id: &str) -> Result<(), StepError> {
        let Some(operation) = self.open_operation(workflow_id).await? else { return Ok(()) };
        let namespace = self.namespace(&operation).await?;
        let Some(cell_id) = &namespace.cell_id else { return Ok(()) };
        let cell = self.cell(cell_id).await?;
        let subject = Pushed::Namespace(namespace.uuid);
        Self::unless_recovering(&mut *self.store.read().await?, subject).await?;
        self.cells.remove_namespace(&cell, namespace.uuid, namespace.generation.cast_unsigned()).await?;
        Ok(())
    }
}
