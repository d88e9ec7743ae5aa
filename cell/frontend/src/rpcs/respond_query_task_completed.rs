use crate::frontend::Frontend;
use crate::validate::oversize;
use atoll_api::call::{CallContext, Status};
use atoll_api::temporal::api::enums::v1::QueryResultType;
use atoll_api::temporal::api::workflowservice::v1::{
    RespondQueryTaskCompletedRequest, RespondQueryTaskCompletedResponse,
};
use atoll_internal_api::cell::v1::QueryTaskToken;

/// Takes a worker's answer to a query. One that is too large becomes a failure that says so.
pub(crate) async fn call(
    frontend: &Frontend,
    _ctx: &CallContext,
    mut request: RespondQueryTaskCompletedRequest,
) -> Result<RespondQueryTaskCompletedResponse, Status> {
    let namespace = frontend.admit_task::<QueryTaskToken>(&request.namespace, &request.task_token)?;
    if frontend.is_too_large(request.query_result.as_ref()) {
        request.query_result = None;
        request.set_completed_type(QueryResultType::Failed);
        oversize::ANSWER.clone_into(&mut request.error_message);
    }
    frontend.truncate_failure(&mut request.failure);
    frontend.ports.workflow_tasks.complete_query(&namespace, request).await
}
