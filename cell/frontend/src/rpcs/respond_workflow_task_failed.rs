use crate::frontend::Frontend;
use atoll_api::call::{CallContext, Status};
use atoll_api::temporal::api::workflowservice::v1::{
    RespondWorkflowTaskFailedRequest, RespondWorkflowTaskFailedResponse,
};
use atoll_internal_api::cell::v1::WorkflowTaskToken;

/// Takes the failure of a worker to process a task.
pub(crate) async fn call(
    frontend: &Frontend,
    _ctx: &CallContext,
    mut request: RespondWorkflowTaskFailedRequest,
) -> Result<RespondWorkflowTaskFailedResponse, Status> {
    let namespace = frontend.admit_task::<WorkflowTaskToken>(&request.namespace, &request.task_token)?;
    frontend.check_length("Identity", &request.identity)?;
    frontend.truncate_failure(&mut request.failure);
    frontend.ports.workflow_tasks.fail(&namespace, request).await
}
