use crate::frontend::Frontend;
use atoll_api::call::{CallContext, Status};
use atoll_api::temporal::api::workflowservice::v1::{PatchScheduleRequest, PatchScheduleResponse};

/// Changes something of a schedule, or makes it act now or for a time in the past.
pub(crate) async fn call(
    frontend: &Frontend,
    _ctx: &CallContext,
    mut request: PatchScheduleRequest,
) -> Result<PatchScheduleResponse, Status> {
    let namespace = frontend.admit(&request.namespace)?;
    frontend.settle_request_id(&mut request.request_id)?;
    frontend.check_schedule_id(&request.schedule_id)?;
    frontend.check_length("Identity", &request.identity)?;
    let Some(patch) = &mut request.patch else {
        return Err(Status::invalid_argument("Patch is not set on request."));
    };
    frontend.settle_patch(patch)?;
    frontend.check_blob(request.patch.as_ref())?;
    frontend.ports.schedules.patch(&namespace, request).await
}
