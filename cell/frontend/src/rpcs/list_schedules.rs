use super::schedules;
use crate::errors;
use crate::frontend::Frontend;
use atoll_api::call::{CallContext, Status};
use atoll_api::temporal::api::workflowservice::v1::{ListSchedulesRequest, ListSchedulesResponse};
use atoll_rpc::wire_time;
use bytes::Bytes;
use cell_visibility::{ListRequest, PageToken, page_size};

/// Schedules that a filter finds, the newest first. What was deleted is not among them.
pub(crate) async fn call(
    frontend: &Frontend,
    _ctx: &CallContext,
    request: ListSchedulesRequest,
) -> Result<ListSchedulesResponse, Status> {
    let namespace = frontend.admit_visibility(&request.namespace)?;
    let predicate = schedules::compile(&namespace, &request.query)?;
    let after = match &request.next_page_token {
        token if token.is_empty() => None,
        token => Some(PageToken::decode(token).ok_or_else(errors::bad_page_token)?),
    };
    let list = ListRequest {
        namespace_id: namespace.id,
        predicate: &predicate,
        page_size: page_size(request.maximum_page_size).min(frontend.config.visibility_page_size),
        after,
    };
    let now = wire_time::from_instant(frontend.clock.now());
    let page = frontend.list(&namespace, list).await?;
    Ok(ListSchedulesResponse {
        schedules: page
            .records
            .into_iter()
            .map(|record| schedules::entry(record, &now))
            .collect::<Result<_, _>>()?,
        next_page_token: page.next.map_or_else(Bytes::new, |token| token.encode().into()),
    })
}
