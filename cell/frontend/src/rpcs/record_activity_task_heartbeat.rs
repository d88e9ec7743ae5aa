use crate::frontend::Frontend;
use crate::validate::oversize;
use atoll_api::call::{CallContext, Status};
use atoll_api::temporal::api::workflowservice::v1::{
    RecordActivityTaskHeartbeatRequest, RecordActivityTaskHeartbeatResponse, RespondActivityTaskFailedRequest,
};
use atoll_internal_api::cell::v1::ActivityTaskToken;

/// Takes a sign of life. Details that are too large fail the activity, and its worker is told to stop.
pub(crate) async fn call(
    frontend: &Frontend,
    _ctx: &CallContext,
    request: RecordActivityTaskHeartbeatRequest,
) -> Result<RecordActivityTaskHeartbeatResponse, Status> {
    let namespace = frontend.admit_task::<ActivityTaskToken>(&request.namespace, &request.task_token)?;
    frontend.check_length("Identity", &request.identity)?;
    if frontend.is_too_large(request.details.as_ref()) {
        let failed = RespondActivityTaskFailedRequest {
            task_token: request.task_token,
            failure: Some(oversize::failure(oversize::HEARTBEAT)),
            identity: request.identity,
            namespace: request.namespace,
            ..RespondActivityTaskFailedRequest::default()
        };
        frontend.ports.activity_tasks.fail(&namespace, failed).await?;
        return Ok(RecordActivityTaskHeartbeatResponse { cancel_requested: true, ..Default::default() });
    }
    frontend.ports.activity_tasks.heartbeat(&namespace, request).await
}
