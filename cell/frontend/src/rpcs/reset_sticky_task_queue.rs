use crate::frontend::Frontend;
use atoll_api::call::{CallContext, Status};
use atoll_api::temporal::api::workflowservice::v1::{
    ResetStickyTaskQueueRequest, ResetStickyTaskQueueResponse,
};

/// Lets any worker of the queue take the workflow's next task.
pub(crate) async fn call(
    frontend: &Frontend,
    _ctx: &CallContext,
    request: ResetStickyTaskQueueRequest,
) -> Result<ResetStickyTaskQueueResponse, Status> {
    let namespace = frontend.admit(&request.namespace)?;
    frontend.check_execution(request.execution.as_ref())?;
    frontend.ports.workflows.reset_sticky(&namespace, request).await
}
