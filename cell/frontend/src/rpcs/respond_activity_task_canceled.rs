use crate::frontend::Frontend;
use crate::validate::oversize;
use atoll_api::call::{CallContext, Status};
use atoll_api::temporal::api::workflowservice::v1::{
    RespondActivityTaskCanceledRequest, RespondActivityTaskCanceledResponse, RespondActivityTaskFailedRequest,
};
use atoll_internal_api::cell::v1::ActivityTaskToken;

/// Takes an activity's word that it is canceled. Details that are too large fail it instead.
pub(crate) async fn call(
    frontend: &Frontend,
    _ctx: &CallContext,
    request: RespondActivityTaskCanceledRequest,
) -> Result<RespondActivityTaskCanceledResponse, Status> {
    let namespace = frontend.admit_task::<ActivityTaskToken>(&request.namespace, &request.task_token)?;
    frontend.check_length("Identity", &request.identity)?;
    if frontend.is_too_large(request.details.as_ref()) {
        let failed = RespondActivityTaskFailedRequest {
            task_token: request.task_token,
            failure: Some(oversize::failure(oversize::CANCEL_DETAILS)),
            identity: request.identity,
            namespace: request.namespace,
            ..RespondActivityTaskFailedRequest::default()
        };
        frontend.ports.activity_tasks.fail(&namespace, failed).await?;
        return Ok(RespondActivityTaskCanceledResponse {});
    }
    frontend.ports.activity_tasks.cancel(&namespace, request).await
}
