use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::{WorkflowContext, WorkflowResult};

use super::steps_or_compensate;
use crate::input::OperationInput;

/// Takes a namespace's route away, then removes it from its cell. Where the cell refuses, the namespace stays without a
/// route and can be deleted again.
#[workflow]
#[derive(Default)]
pub(crate) struct DeleteNamespace;

#[workflow_methods]
impl DeleteNamespace {
    /// Ends when the operation is fulfilled, or undone and marked as failed.
    #[run]
    pub(crate) async fn run(ctx: &mut WorkflowContext<Self>, input: OperationInput) -> WorkflowResult<()> {
        steps_or_compensate!(ctx, input;
            begin: database,
            withdraw_route: database,
            remove_namespace: cell_until_done,
            fulfil: database,
        )
    }
}
