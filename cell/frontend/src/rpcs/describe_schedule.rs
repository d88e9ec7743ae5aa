use crate::frontend::Frontend;
use atoll_api::call::{CallContext, Status};
use atoll_api::temporal::api::workflowservice::v1::{DescribeScheduleRequest, DescribeScheduleResponse};
use schedule_spec::shown;

/// What a schedule is, has done and is about to do.
pub(crate) async fn call(
    frontend: &Frontend,
    _ctx: &CallContext,
    request: DescribeScheduleRequest,
) -> Result<DescribeScheduleResponse, Status> {
    let namespace = frontend.admit(&request.namespace)?;
    frontend.check_schedule_id(&request.schedule_id)?;
    let mut described = frontend.ports.schedules.describe(&namespace, request).await?;
    if let Some(schedule) = &mut described.schedule {
        schedule.spec = schedule.spec.take().map(shown);
    }
    described.memo = described.memo.filter(|memo| !memo.fields.is_empty());
    described.search_attributes = described.search_attributes.filter(|it| !it.indexed_fields.is_empty());
    Ok(described)
}
