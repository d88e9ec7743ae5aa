use crate::errors;
use crate::frontend::Frontend;
use crate::schema;
use crate::visibility;
use atoll_api::call::{CallContext, Status};
use atoll_api::temporal::api::workflowservice::v1::count_workflow_executions_response::AggregationGroup;
use atoll_api::temporal::api::workflowservice::v1::{
    CountWorkflowExecutionsRequest, CountWorkflowExecutionsResponse,
};
use cell_visibility::{Scope, compile_count};

/// How many workflows a filter finds, apart by an attribute of few values if asked.
pub(crate) async fn call(
    frontend: &Frontend,
    _ctx: &CallContext,
    request: CountWorkflowExecutionsRequest,
) -> Result<CountWorkflowExecutionsResponse, Status> {
    let namespace = frontend.admit_visibility(&request.namespace)?;
    let query = compile_count(&request.query, &schema::of(&namespace), Scope::Default)
        .map_err(|error| Status::invalid_argument(error.to_string()))?;
    if query.group_by.is_some() && !frontend.features.count_group_by_execution_status {
        return Err(errors::unsupported("GROUP BY"));
    }
    let found = frontend.count(&namespace, &query.predicate, query.group_by.as_ref()).await?;
    let groups = found.groups.into_iter().map(visibility::group);
    Ok(CountWorkflowExecutionsResponse {
        count: visibility::signed(found.total),
        groups: groups.map(|(value, count)| AggregationGroup { group_values: vec![value], count }).collect(),
    })
}
