use futures::FutureExt;

use super::{Activities, StepError, placed};
use crate::cells::namespace_spec;
use crate::model::{Cell, Namespace, Pushed};

impl Activities {
    /// Brings the cell to the namespace's newest settings.
    pub async fn apply_namespace(&self, workflow_id: &str) -> Result<(), StepError> {
        let read = self.store.confirmed(|snapshot| placed(snapshot, workflow_id).boxed());
        let Some((namespace, cell)) = read.await? else { return Ok(()) };
        let cell = cell.ok_or_else(|| {
            StepError::Inconsistent(format!("namespace {} has no cell", namespace.cloud_id))
        })?;
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
