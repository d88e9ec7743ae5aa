use crate::frontend::Frontend;
use crate::validate::oversize;
use atoll_api::call::{CallContext, Status};
use atoll_api::temporal::api::workflowservice::v1::{
    RecordActivityTaskHeartbeatByIdRequest, RecordActivityTaskHeartbeatByIdResponse,
    RespondActivityTaskFailedByIdRequest,
};

/// Takes a sign of life of an activity that is named by ids. Details that are too large fail it, and its worker is
/// told to stop.
pub(crate) async fn call(
    frontend: &Frontend,
    _ctx: &CallContext,
    request: RecordActivityTaskHeartbeatByIdRequest,
) -> Result<RecordActivityTaskHeartbeatByIdResponse, Status> {
    let namespace = frontend.admit(&request.namespace)?;
    frontend.check_activity(&request.workflow_id, &request.run_id, &request.activity_id)?;
    frontend.check_length("Identity", &request.identity)?;
    if frontend.is_too_large(request.details.as_ref()) {
        let failed = RespondActivityTaskFailedByIdRequest {
            namespace: request.namespace,
            workflow_id: request.workflow_id,
            run_id: request.run_id,
            activity_id: request.activity_id,
            failure: Some(oversize::failure(oversize::HEARTBEAT)),
            identity: request.identity,
            ..RespondActivityTaskFailedByIdRequest::default()
        };
        frontend.ports.activity_tasks.fail_by_id(&namespace, failed).await?;
        return Ok(RecordActivityTaskHeartbeatByIdResponse { cancel_requested: true, ..Default::default() });
    }
    frontend.ports.activity_tasks.heartbeat_by_id(&namespace, request).await
}
