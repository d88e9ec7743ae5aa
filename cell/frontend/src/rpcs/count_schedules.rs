use super::schedules;
use crate::frontend::Frontend;
use crate::visibility;
use atoll_api::call::{CallContext, Status};
use atoll_api::temporal::api::workflowservice::v1::count_schedules_response::AggregationGroup;
use atoll_api::temporal::api::workflowservice::v1::{CountSchedulesRequest, CountSchedulesResponse};

/// How many schedules a filter finds, apart by an attribute of few values if asked.
pub(crate) async fn call(
    frontend: &Frontend,
    _ctx: &CallContext,
    request: CountSchedulesRequest,
) -> Result<CountSchedulesResponse, Status> {
    let namespace = frontend.admit_visibility(&request.namespace)?;
    let query = schedules::compile_count(&namespace, &request.query)?;
    let found = frontend.count(&namespace, &query.predicate, query.group_by.as_ref()).await?;
    let groups = found.groups.into_iter().map(visibility::group);
    Ok(CountSchedulesResponse {
        count: visibility::signed(found.total),
        groups: groups.map(|(value, count)| AggregationGroup { group_values: vec![value], count }).collect(),
    })
}
