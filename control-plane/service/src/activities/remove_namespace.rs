use super::{Activities, StepError, cell_of, namespace_of, unfinished};
use crate::model::Pushed;

impl Activities {
    /// Removes the namespace and what it holds from its cell.
    pub async fn remove_namespace(&self, workflow_id: &str) -> Result<(), StepError> {
        let (cell, namespace) = {
            let mut snapshot = self.store.snapshot().await?;
            let operation = unfinished(&mut *snapshot, workflow_id).await?;
            let Some(operation) = operation else { return Ok(()) };
            let namespace = namespace_of(&mut *snapshot, &operation).await?;
            let Some(cell_id) = &namespace.cell_id else { return Ok(()) };
            Self::unless_recovering(&mut *snapshot, Pushed::Namespace(namespace.uuid)).await?;
            (cell_of(&mut *snapshot, cell_id).await?, namespace)
        };
        self.cells.remove_namespace(&cell, namespace.uuid, namespace.generation.cast_unsigned()).await?;
        Ok(())
    }
}
