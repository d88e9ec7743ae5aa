use crate::frontend::Frontend;
use crate::validate::oversize;
use atoll_api::call::{CallContext, Status};
use atoll_api::temporal::api::workflowservice::v1::{
    RespondWorkflowTaskCompletedRequest, RespondWorkflowTaskCompletedResponse,
};
use atoll_internal_api::cell::v1::WorkflowTaskToken;

/// Refuses an answer for the number of its commands, which `request` comes without.
pub(crate) async fn too_many_commands(
    frontend: &Frontend,
    request: RespondWorkflowTaskCompletedRequest,
) -> Status {
    match frontend.admit_task::<WorkflowTaskToken>(&request.namespace, &request.task_token) {
        Ok(namespace) => {
            frontend.ports.workflow_tasks.too_many_commands(&namespace, &request.task_token).await
        }
        Err(refused) => refused,
    }
}

/// Takes the commands of a worker.
pub(crate) async fn call(
    frontend: &Frontend,
    _ctx: &CallContext,
    mut request: RespondWorkflowTaskCompletedRequest,
) -> Result<RespondWorkflowTaskCompletedResponse, Status> {
    let namespace = frontend.admit_task::<WorkflowTaskToken>(&request.namespace, &request.task_token)?;
    frontend.check_length("Identity", &request.identity)?;
    oversize::cut_causes_in(&mut request.commands);
    request.query_results.values_mut().for_each(|result| {
        oversize::cut_causes(result.failure.as_mut());
    });
    let bad_search_attributes = frontend.settle_commands(&namespace, &mut request.commands);
    frontend.ports.workflow_tasks.complete(&namespace, request, bad_search_attributes).await
}
