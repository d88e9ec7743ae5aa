use super::{Activities, StepError};

impl Activities {
    /// Marks the operation as in progress.
    pub async fn begin(&self, workflow_id: &str) -> Result<(), StepError> {
        let Some((mut transaction, _)) = self.open(workflow_id).await? else { return Ok(()) };
        transaction.begin_operation(workflow_id).await?;
        Ok(transaction.commit().await?)
    }
}
