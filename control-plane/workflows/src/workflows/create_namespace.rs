use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::{WorkflowContext, WorkflowResult};

use super::steps_or_compensate;
use crate::input::OperationInput;

/// Places a namespace in a cell, applies it there with the keys that may use it, and publishes its route.
///
/// The route comes last: a client that can reach the namespace finds it ready. Where a step fails for good, the
/// namespace is taken out of desired state and out of its cell.
#[workflow]
#[derive(Default)]
pub(crate) struct CreateNamespace;

#[workflow_methods]
impl CreateNamespace {
    /// Ends when the operation is fulfilled, or undone and marked as failed.
    #[run]
    pub(crate) async fn run(ctx: &mut WorkflowContext<Self>, input: OperationInput) -> WorkflowResult<()> {
        steps_or_compensate!(ctx, input;
            begin: database,
            place: placement,
            apply_namespace: cell,
            push_keys: cell,
            publish_route: database,
            fulfil: database,
        )
    }
}
