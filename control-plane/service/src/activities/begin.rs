use super::{Activities, StepError};
use crate::store::operations;

impl Activities {
    /// Marks the operation as in progress.
    pub async fn begin(&self, workflow_id: &str) -> Result<(), StepError> {
        if self.open_operation(workflow_id).await?.is_none() {
            return Ok(());
        }
        let mut transaction = self.store.write().await?;
        operations::begin(&mut transaction, workflow_id).await?;
        Ok(transaction.commit().await?)
    }
}
