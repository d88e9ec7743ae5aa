//! Starts the workflows of operations on the system cell.

use async_trait::async_trait;
use control_plane::model::OperationKind as Decided;
use control_plane::{NotStarted, OperationStarter};
use durable_workflows::{OperationInput, OperationKind, WorkflowClient};

/// Operations as durable workflows.
pub(super) struct DurableOperations {
    workflows: WorkflowClient,
}

impl DurableOperations {
    pub(super) fn new(workflows: WorkflowClient) -> Self {
        Self { workflows }
    }
}

#[async_trait]
impl OperationStarter for DurableOperations {
    async fn start(&self, kind: Decided, workflow_id: &str) -> Result<(), NotStarted> {
        let kind = match kind {
            Decided::CreateNamespace => OperationKind::CreateNamespace,
            Decided::UpdateNamespace => OperationKind::UpdateNamespace,
            Decided::DeleteNamespace => OperationKind::DeleteNamespace,
            // Both bring cells to the current set of keys.
            Decided::CreateApiKey | Decided::DeleteApiKey => OperationKind::ApplyApiKey,
        };
        let input = OperationInput { workflow_id: workflow_id.to_owned() };
        self.workflows.start_operation(kind, input).await.map_err(|error| NotStarted(error.to_string()))
    }
}
