use futures::FutureExt;

use super::{Activities, StepError, placed};

impl Activities {
    /// Removes the namespace and what it holds from its cell.
    pub async fn remove_namespace(&self, workflow_id: &str) -> Result<(), StepError> {
        let read = self.store.confirmed(|snapshot| placed(snapshot, workflow_id).boxed());
        let Some((namespace, Some(cell))) = read.await? else { return Ok(()) };
        self.cells.remove_namespace(&cell, namespace.uuid, namespace.generation.cast_unsigned()).await?;
        Ok(())
    }
}
