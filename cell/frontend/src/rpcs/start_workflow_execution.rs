use crate::frontend::Frontend;
use atoll_api::call::{CallContext, Status};
use atoll_api::temporal::api::workflowservice::v1::{
    StartWorkflowExecutionRequest, StartWorkflowExecutionResponse,
};

/// Starts a workflow. `request_eager_execution` is a wish: where the cell cannot fulfil it, nothing is said.
pub(crate) async fn call(
    frontend: &Frontend,
    _ctx: &CallContext,
    mut request: StartWorkflowExecutionRequest,
) -> Result<StartWorkflowExecutionResponse, Status> {
    let namespace = frontend.admit(&request.namespace)?;
    frontend.settle_start(&namespace, &mut request)?;
    frontend.ports.workflows.start(&namespace, request).await
}
