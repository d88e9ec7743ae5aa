use crate::frontend::Frontend;
use atoll_api::call::{CallContext, Status};
use atoll_api::temporal::api::workflowservice::v1::{CreateScheduleRequest, CreateScheduleResponse};
use prost::Message;

/// Makes a schedule. What it is to do is held to the rules of starts.
pub(crate) async fn call(
    frontend: &Frontend,
    _ctx: &CallContext,
    mut request: CreateScheduleRequest,
) -> Result<CreateScheduleResponse, Status> {
    let namespace = frontend.admit(&request.namespace)?;
    frontend.check_schedule_id(&request.schedule_id)?;
    frontend.check_required("RequestId", &request.request_id)?;
    frontend.check_length("Identity", &request.identity)?;
    let attributes = request.search_attributes.as_mut();
    let schedule = frontend.settle_schedule(&namespace, &mut request.schedule, attributes)?;
    if let Some(patch) = &mut request.initial_patch {
        frontend.settle_patch(patch)?;
    }
    // One payload in the original: what the schedule is, and the patch that it begins with.
    let patch = request.initial_patch.as_ref().map_or(0, Message::encoded_len);
    frontend.check_blob_bytes(schedule.saturating_add(patch))?;
    frontend.check_memo(request.memo.as_ref())?;
    frontend.ports.schedules.create(&namespace, request).await
}
