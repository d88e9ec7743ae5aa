use crate::frontend::Frontend;
use atoll_api::call::{CallContext, Status};
use atoll_api::temporal::api::workflowservice::v1::{
    TerminateWorkflowExecutionRequest, TerminateWorkflowExecutionResponse,
};

/// What history says where the caller names no reason.
const REASON: &str = "terminated by user via frontend";
/// Who asked, where the caller does not say.
const IDENTITY: &str = "frontend-service";

/// Ends a workflow at once.
pub(crate) async fn call(
    frontend: &Frontend,
    _ctx: &CallContext,
    mut request: TerminateWorkflowExecutionRequest,
) -> Result<TerminateWorkflowExecutionResponse, Status> {
    let namespace = frontend.admit(&request.namespace)?;
    frontend.check_execution(request.workflow_execution.as_ref())?;
    frontend.check_length("Identity", &request.identity)?;
    frontend.check_links(&request.links)?;
    frontend.check_blob_bytes(request.reason.len())?;
    frontend.check_blob(request.details.as_ref())?;
    if request.reason.is_empty() {
        REASON.clone_into(&mut request.reason);
    }
    if request.identity.is_empty() {
        IDENTITY.clone_into(&mut request.identity);
    }
    frontend.ports.workflows.terminate(&namespace, request).await
}
