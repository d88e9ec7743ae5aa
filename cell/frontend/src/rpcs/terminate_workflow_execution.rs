use crate::frontend::Frontend;
use crate::validate::execution;
use atoll_api::call::{CallContext, Status};
use atoll_api::temporal::api::workflowservice::v1::{
    TerminateWorkflowExecutionRequest, TerminateWorkflowExecutionResponse,
};

/// Ends a workflow at once.
pub(crate) async fn call(
    frontend: &Frontend,
    _ctx: &CallContext,
    request: TerminateWorkflowExecutionRequest,
) -> Result<TerminateWorkflowExecutionResponse, Status> {
    let namespace = frontend.admit(&request.namespace)?;
    execution::check(request.workflow_execution.as_ref())?;
    frontend.check_length("Identity", &request.identity)?;
    frontend.check_links(&request.links)?;
    frontend.check_blob(request.details.as_ref())?;
    frontend.ports.workflows.terminate(&namespace, request).await
}
