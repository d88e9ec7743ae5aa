use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::{WorkflowContext, WorkflowResult};

use super::steps_or_compensate;
use crate::input::OperationInput;

/// Brings all cells to the current set of API keys, after one was made, changed or deleted.
#[workflow]
#[derive(Default)]
pub(crate) struct ApplyApiKey;

#[workflow_methods]
impl ApplyApiKey {
    /// Ends when the operation is fulfilled, or undone and marked as failed.
    #[run]
    pub(crate) async fn run(ctx: &mut WorkflowContext<Self>, input: OperationInput) -> WorkflowResult<()> {
        steps_or_compensate!(ctx, input;
            begin: database,
            push_keys: cell_until_done,
            fulfil: database,
        )
    }
}
