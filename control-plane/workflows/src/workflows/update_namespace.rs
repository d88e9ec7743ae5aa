use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::{WorkflowContext, WorkflowResult};

use super::steps_or_compensate;
use crate::input::OperationInput;

/// Brings a namespace's cell to its new settings. Where the cell refuses them, the earlier ones are restored.
#[workflow]
#[derive(Default)]
pub(crate) struct UpdateNamespace;

#[workflow_methods]
impl UpdateNamespace {
    /// Ends when the operation is fulfilled, or undone and marked as failed.
    #[run]
    pub(crate) async fn run(ctx: &mut WorkflowContext<Self>, input: OperationInput) -> WorkflowResult<()> {
        steps_or_compensate!(ctx, input;
            begin: database,
            apply_namespace: cell,
            fulfil: database,
        )
    }
}
