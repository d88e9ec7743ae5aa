use super::{Activities, StepError};
use crate::cells::namespace_spec;
use crate::model::{Cell, Namespace};
use crate::store::namespaces;

impl Activities {
    /// Brings the cell to the namespace's newest settings.
    pub async fn apply_namespace(&self, workflow_id: &str) -> Result<(), StepError> {
        let Some(operation) = self.open_operation(workflow_id).await? else { return Ok(()) };
        let namespace = self.namespace(&operation).await?;
        let Some(cell_id) = &namespace.cell_id else {
            return Err(StepError::Inconsistent(format!("namespace {} has no cell", namespace.cloud_id)));
        };
        let cell = self.cell(cell_id).await?;
        self.apply_to(&cell, namespace).await
    }

    /// Brings a cell to a namespace's settings. A cell that holds a higher generation than was ever given out here saw a database
    /// that was since restored: the generation is raised above it, and applied.
    pub(crate) async fn apply_to(&self, cell: &Cell, mut namespace: Namespace) -> Result<(), StepError> {
        let generation = namespace.generation.cast_unsigned();
        let held = self.cells.apply_namespace(cell, namespace_spec(&namespace)).await?;
        if held <= generation {
            return Ok(());
        }
        namespace.generation = held.saturating_add(1).cast_signed();
        let mut transaction = self.store.write().await?;
        namespaces::raise_generation(&mut transaction, namespace.uuid, namespace.generation).await?;
        transaction.commit().await?;
        self.cells.apply_namespace(cell, namespace_spec(&namespace)).await?;
        Ok(())
    }
}
