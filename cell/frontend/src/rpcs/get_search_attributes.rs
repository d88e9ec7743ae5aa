use crate::frontend::Frontend;
use crate::schema;
use atoll_api::call::{CallContext, Status};
use atoll_api::temporal::api::workflowservice::v1::{
    GetSearchAttributesRequest, GetSearchAttributesResponse,
};

/// The search attributes that every namespace has. The request names no namespace, so custom ones are not here: the
/// operator service lists them.
pub(crate) async fn call(
    _frontend: &Frontend,
    _ctx: &CallContext,
    _request: GetSearchAttributesRequest,
) -> Result<GetSearchAttributesResponse, Status> {
    Ok(GetSearchAttributesResponse { keys: schema::built_in() })
}
