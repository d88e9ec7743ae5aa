use super::{Activities, StepError, cell_of, namespace_of, unfinished};
use crate::cells::namespace_spec;
use crate::model::{Cell, Namespace, Pushed};

impl Activities {
    /// Brings the cell to the namespace's newest settings.
    pub async fn apply_namespace(&self, workflow_id: &str) -> Result<(), StepError> {
        let (cell, namespace) = {
            let mut snapshot = self.store.snapshot().await?;
            let operation = unfinished(&mut *snapshot, workflow_id).await?;
            let Some(operation) = operation else { return Ok(()) };
            let namespace = namespace_of(&mut *snapshot, &operation).await?;
            let Some(cell_id) = &namespace.cell_id else {
                return Err(StepError::Inconsistent(format!("namespace {} has no cell", namespace.cloud_id)));
            };
            Self::unless_recovering(&mut *snapshot, Pushed::Namespace(namespace.uuid)).await?;
            (cell_of(&mut *snapshot, cell_id).await?, namespace)
        };
        self.apply_to(&cell, &namespace).await
    }

    /// Brings a cell to a namespace's settings, or lets it keep newer ones: see [`settle`](Self::settle). For a
    /// namespace of which nothing waits for an operator.
    pub(crate) async fn apply_to(&self, cell: &Cell, namespace: &Namespace) -> Result<(), StepError> {
        let generation = namespace.generation.cast_unsigned();
        let held = self.cells.apply_namespace(cell, namespace_spec(namespace)).await?;
        self.settle(cell, Pushed::Namespace(namespace.uuid), generation, held).await
    }
}
