use crate::frontend::Frontend;
use atoll_api::call::{CallContext, Status};
use atoll_api::temporal::api::failure::v1::failure::FailureInfo;
use atoll_api::temporal::api::workflowservice::v1::{
    RespondActivityTaskFailedRequest, RespondActivityTaskFailedResponse,
};
use atoll_internal_api::cell::v1::ActivityTaskToken;

/// Takes an activity's failure. The answer lists what had to be cut.
pub(crate) async fn call(
    frontend: &Frontend,
    _ctx: &CallContext,
    mut request: RespondActivityTaskFailedRequest,
) -> Result<RespondActivityTaskFailedResponse, Status> {
    let namespace = frontend.admit_task::<ActivityTaskToken>(&request.namespace, &request.task_token)?;
    frontend.check_length("Identity", &request.identity)?;
    let foreign = request
        .failure
        .as_ref()
        .is_some_and(|it| !matches!(it.failure_info, Some(FailureInfo::ApplicationFailureInfo(_))));
    if foreign {
        return Err(Status::invalid_argument("Failure must have ApplicationFailureInfo."));
    }
    let told = frontend.fit_activity_failure(&mut request.failure, &mut request.last_heartbeat_details);
    let mut answer = frontend.ports.activity_tasks.fail(&namespace, request).await?;
    answer.failures.extend(told);
    Ok(answer)
}
