use futures::FutureExt;

use super::{Activities, StepError};

impl Activities {
    /// Marks the operation as in progress.
    pub async fn begin(&self, workflow_id: &str) -> Result<(), StepError> {
        let begin = self.write(workflow_id, |transaction, _| {
            async move { Ok(transaction.begin_operation(workflow_id).await?) }.boxed()
        });
        begin.await.map(drop)
    }
}
