use crate::frontend::Frontend;
use atoll_api::call::{CallContext, Status};
use atoll_api::temporal::api::workflowservice::v1::{DeleteScheduleRequest, DeleteScheduleResponse};

/// Ends a schedule; what it has started goes on.
pub(crate) async fn call(
    frontend: &Frontend,
    _ctx: &CallContext,
    request: DeleteScheduleRequest,
) -> Result<DeleteScheduleResponse, Status> {
    let namespace = frontend.admit(&request.namespace)?;
    frontend.check_schedule_id(&request.schedule_id)?;
    frontend.check_length("Identity", &request.identity)?;
    frontend.ports.schedules.delete(&namespace, request).await
}
