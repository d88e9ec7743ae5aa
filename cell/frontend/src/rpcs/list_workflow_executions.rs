use crate::errors;
use crate::frontend::Frontend;
use crate::schema;
use crate::visibility;
use atoll_api::call::{CallContext, Status};
use atoll_api::temporal::api::workflowservice::v1::{
    ListWorkflowExecutionsRequest, ListWorkflowExecutionsResponse,
};
use bytes::Bytes;
use cell_visibility::{ListRequest, PageToken, Scope, compile, page_size};

/// Workflows that a filter finds, running ones first.
pub(crate) async fn call(
    frontend: &Frontend,
    _ctx: &CallContext,
    request: ListWorkflowExecutionsRequest,
) -> Result<ListWorkflowExecutionsResponse, Status> {
    let namespace = frontend.admit_visibility(&request.namespace)?;
    let predicate = compile(&request.query, &schema::of(&namespace), Scope::Default)
        .map_err(|error| Status::invalid_argument(error.to_string()))?;
    let after = match &request.next_page_token {
        token if token.is_empty() => None,
        token => Some(PageToken::decode(token).ok_or_else(errors::bad_page_token)?),
    };
    let list = ListRequest {
        namespace_id: namespace.id,
        predicate: &predicate,
        page_size: page_size(request.page_size).min(frontend.config.visibility_page_size),
        after,
    };
    let page = frontend.list(&namespace, list).await?;
    Ok(ListWorkflowExecutionsResponse {
        executions: page.records.iter().map(visibility::info).collect::<Result<_, _>>()?,
        next_page_token: page.next.map_or_else(Bytes::new, |token| token.encode().into()),
    })
}
