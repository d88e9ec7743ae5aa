use crate::frontend::Frontend;
use crate::validate::oversize;
use atoll_api::call::{CallContext, Status};
use atoll_api::temporal::api::workflowservice::v1::{
    RespondActivityTaskCanceledByIdRequest, RespondActivityTaskCanceledByIdResponse,
    RespondActivityTaskFailedByIdRequest,
};

/// Takes the word that an activity named by ids is canceled. Details that are too large fail it instead.
pub(crate) async fn call(
    frontend: &Frontend,
    _ctx: &CallContext,
    request: RespondActivityTaskCanceledByIdRequest,
) -> Result<RespondActivityTaskCanceledByIdResponse, Status> {
    let namespace = frontend.admit(&request.namespace)?;
    frontend.check_activity(&request.workflow_id, &request.run_id, &request.activity_id)?;
    frontend.check_length("Identity", &request.identity)?;
    if frontend.is_too_large(request.details.as_ref()) {
        let failed = RespondActivityTaskFailedByIdRequest {
            namespace: request.namespace,
            workflow_id: request.workflow_id,
            run_id: request.run_id,
            activity_id: request.activity_id,
            failure: Some(oversize::failure(oversize::CANCEL_DETAILS)),
            identity: request.identity,
            ..RespondActivityTaskFailedByIdRequest::default()
        };
        frontend.ports.activity_tasks.fail_by_id(&namespace, failed).await?;
        return Ok(RespondActivityTaskCanceledByIdResponse {});
    }
    frontend.ports.activity_tasks.cancel_by_id(&namespace, request).await
}
