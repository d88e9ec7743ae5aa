use crate::frontend::Frontend;
use atoll_api::call::{CallContext, Status};
use atoll_api::temporal::api::workflowservice::v1::{
    SignalWorkflowExecutionRequest, SignalWorkflowExecutionResponse,
};

/// Signals a running workflow.
pub(crate) async fn call(
    frontend: &Frontend,
    _ctx: &CallContext,
    mut request: SignalWorkflowExecutionRequest,
) -> Result<SignalWorkflowExecutionResponse, Status> {
    let namespace = frontend.admit(&request.namespace)?;
    frontend.check_execution(request.workflow_execution.as_ref())?;
    frontend.check_required("SignalName", &request.signal_name)?;
    frontend.settle_request_id(&mut request.request_id)?;
    frontend.check_length("Identity", &request.identity)?;
    frontend.check_links(&request.links)?;
    frontend.check_blob(request.input.as_ref())?;
    frontend.check_blob(request.header.as_ref())?;
    frontend.ports.workflows.signal(&namespace, request).await
}
