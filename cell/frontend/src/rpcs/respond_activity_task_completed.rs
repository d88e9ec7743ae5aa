use crate::frontend::Frontend;
use crate::validate::oversize;
use atoll_api::call::{CallContext, Status};
use atoll_api::temporal::api::workflowservice::v1::{
    RespondActivityTaskCompletedRequest, RespondActivityTaskCompletedResponse,
    RespondActivityTaskFailedRequest,
};
use atoll_internal_api::cell::v1::ActivityTaskToken;

/// Takes an activity's result. One that is too large fails the activity.
pub(crate) async fn call(
    frontend: &Frontend,
    _ctx: &CallContext,
    request: RespondActivityTaskCompletedRequest,
) -> Result<RespondActivityTaskCompletedResponse, Status> {
    let namespace = frontend.admit_task::<ActivityTaskToken>(&request.namespace, &request.task_token)?;
    frontend.check_length("Identity", &request.identity)?;
    if frontend.is_too_large(request.result.as_ref()) {
        let failed = RespondActivityTaskFailedRequest {
            task_token: request.task_token,
            failure: Some(oversize::failure(oversize::RESULT)),
            identity: request.identity,
            namespace: request.namespace,
            ..RespondActivityTaskFailedRequest::default()
        };
        frontend.ports.activity_tasks.fail(&namespace, failed).await?;
        return Ok(RespondActivityTaskCompletedResponse {});
    }
    frontend.ports.activity_tasks.complete(&namespace, request).await
}
