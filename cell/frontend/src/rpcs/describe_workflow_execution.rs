use crate::frontend::Frontend;
use atoll_api::call::{CallContext, Status};
use atoll_api::temporal::api::workflowservice::v1::{
    DescribeWorkflowExecutionRequest, DescribeWorkflowExecutionResponse,
};

/// What a workflow is doing.
pub(crate) async fn call(
    frontend: &Frontend,
    _ctx: &CallContext,
    request: DescribeWorkflowExecutionRequest,
) -> Result<DescribeWorkflowExecutionResponse, Status> {
    let namespace = frontend.admit(&request.namespace)?;
    frontend.check_execution(request.execution.as_ref())?;
    frontend.ports.workflows.describe(&namespace, request).await
}
