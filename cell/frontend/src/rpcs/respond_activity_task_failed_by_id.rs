use crate::frontend::Frontend;
use atoll_api::call::{CallContext, Status};
use atoll_api::temporal::api::workflowservice::v1::{
    RespondActivityTaskFailedByIdRequest, RespondActivityTaskFailedByIdResponse,
};

/// Takes the failure of an activity that is named by ids. The answer lists what had to be cut.
pub(crate) async fn call(
    frontend: &Frontend,
    _ctx: &CallContext,
    mut request: RespondActivityTaskFailedByIdRequest,
) -> Result<RespondActivityTaskFailedByIdResponse, Status> {
    let namespace = frontend.admit(&request.namespace)?;
    frontend.check_activity(&request.workflow_id, &request.run_id, &request.activity_id)?;
    frontend.check_length("Identity", &request.identity)?;
    let told = frontend.fit_activity_failure(&mut request.failure, &mut request.last_heartbeat_details);
    let mut answer = frontend.ports.activity_tasks.fail_by_id(&namespace, request).await?;
    answer.failures.extend(told);
    Ok(answer)
}
