use crate::frontend::Frontend;
use crate::long_poll;
use atoll_api::call::{CallContext, Status};
use atoll_api::temporal::api::workflowservice::v1::{QueryWorkflowRequest, QueryWorkflowResponse};

/// Asks a workflow, which a worker answers.
pub(crate) async fn call(
    frontend: &Frontend,
    ctx: &CallContext,
    request: QueryWorkflowRequest,
) -> Result<QueryWorkflowResponse, Status> {
    let namespace = frontend.admit(&request.namespace)?;
    frontend.check_execution(request.execution.as_ref())?;
    let query = request
        .query
        .as_ref()
        .ok_or_else(|| Status::invalid_argument("WorkflowQuery is not set on request."))?;
    frontend.check_required("QueryType", &query.query_type)?;
    frontend.check_blob(query.query_args.as_ref())?;
    frontend.check_blob(query.header.as_ref())?;
    let _permit = frontend.long_poll_permit(&namespace)?;
    frontend.ports.workflows.query(&namespace, request, long_poll::query_deadline(ctx)).await
}
