use crate::frontend::Frontend;
use atoll_api::call::{CallContext, Status};
use atoll_api::temporal::api::workflowservice::v1::{
    RequestCancelWorkflowExecutionRequest, RequestCancelWorkflowExecutionResponse,
};

/// Asks a workflow to cancel itself. Asking again, or asking a closed one, changes nothing and succeeds.
pub(crate) async fn call(
    frontend: &Frontend,
    _ctx: &CallContext,
    mut request: RequestCancelWorkflowExecutionRequest,
) -> Result<RequestCancelWorkflowExecutionResponse, Status> {
    let namespace = frontend.admit(&request.namespace)?;
    frontend.check_execution(request.workflow_execution.as_ref())?;
    frontend.settle_request_id(&mut request.request_id)?;
    frontend.check_length("Identity", &request.identity)?;
    frontend.check_links(&request.links)?;
    frontend.ports.workflows.request_cancel(&namespace, request).await
}
