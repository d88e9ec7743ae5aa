use super::schedules::validate::check_time;
use crate::frontend::Frontend;
use atoll_api::call::{CallContext, Status};
use atoll_api::temporal::api::errordetails::v1::QueryFailedFailure;
use atoll_api::temporal::api::workflowservice::v1::{
    ListScheduleMatchingTimesRequest, ListScheduleMatchingTimesResponse,
};

/// The times that a schedule's spec names between two moments.
pub(crate) async fn call(
    frontend: &Frontend,
    _ctx: &CallContext,
    request: ListScheduleMatchingTimesRequest,
) -> Result<ListScheduleMatchingTimesResponse, Status> {
    let namespace = frontend.admit(&request.namespace)?;
    frontend.check_schedule_id(&request.schedule_id)?;
    if request.start_time.is_none() || request.end_time.is_none() {
        // A query to a workflow, and its failure, in the original.
        return Err(
            Status::invalid_argument("missing or invalid query").with_detail(&QueryFailedFailure::default())
        );
    }
    check_time("StartTime", request.start_time.as_ref())?;
    check_time("EndTime", request.end_time.as_ref())?;
    frontend.ports.schedules.list_matching_times(&namespace, request).await
}
