use crate::errors;
use crate::frontend::Frontend;
use atoll_api::call::{CallContext, Status};
use atoll_api::temporal::api::workflowservice::v1::{UpdateScheduleRequest, UpdateScheduleResponse};

/// Replaces what a schedule is.
pub(crate) async fn call(
    frontend: &Frontend,
    _ctx: &CallContext,
    mut request: UpdateScheduleRequest,
) -> Result<UpdateScheduleResponse, Status> {
    let namespace = frontend.admit(&request.namespace)?;
    frontend.settle_request_id(&mut request.request_id)?;
    frontend.check_schedule_id(&request.schedule_id)?;
    frontend.check_length("Identity", &request.identity)?;
    let attributes = request.search_attributes.as_mut();
    let schedule = frontend.settle_schedule(&namespace, &mut request.schedule, attributes)?;
    frontend.check_blob_bytes(schedule)?;
    // Also an empty one asks for something: that there be none.
    if request.memo.is_some() {
        return Err(errors::unsupported("memo"));
    }
    frontend.ports.schedules.update(&namespace, request).await
}
