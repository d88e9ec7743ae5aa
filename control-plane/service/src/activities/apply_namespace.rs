use super::{Activities, StepError};
use crate::cells::namespace_spec;
use crate::model::{Cell, Namespace, Pushed};

impl Activities {
    /// Brings the cell to the namespace's newest settings.
    pub async fn apply_namespace(&self, workflow_id: &str) -> Result<(), StepError> {
        let Some(operation) = self.open_operation(workflow_id).await? else { return Ok(()) };
        let namespace = self.namespace(&operation).await?;
        let Some(cell_id) = &namespace.cell_id else {
            return Err(StepError::Inconsistent(format!("namespace {} has no cell", namespace.cloud_id)));
        };
        let cell = self.cell(cell_id).await?;
        self.apply_to(&cell, &namespace).await
    }

    /// Brings a cell to a namespace's settings, or lets it keep newer ones: see [`settle`](Self::settle).
    pub(crate) async fn apply_to(&self, cell: &Cell, namespace: &Namespace) -> Result<(), StepError> {
        let subject = Pushed::Namespace(namespace.uuid);
        Self::unless_recovering(&mut *self.store.read().await?, subject).await?;
        let generation = namespace.generation.cast_unsigned();
        let held = self.cells.apply_namespace(cell, namespace_spec(namespace)).await?;
        self.settle(cell, subject, generation, held).await
    }
}
