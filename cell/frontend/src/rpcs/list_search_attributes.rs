use crate::frontend::Frontend;
use crate::schema;
use atoll_api::call::{CallContext, Status};
use atoll_api::temporal::api::operatorservice::v1::{
    ListSearchAttributesRequest, ListSearchAttributesResponse,
};

/// The search attributes of a namespace. How they are stored is not shown.
pub(crate) async fn call(
    frontend: &Frontend,
    _ctx: &CallContext,
    request: ListSearchAttributesRequest,
) -> Result<ListSearchAttributesResponse, Status> {
    if request.namespace.is_empty() {
        return Err(Status::invalid_argument("Namespace is not set on request."));
    }
    let namespace = frontend.admit(&request.namespace)?;
    Ok(ListSearchAttributesResponse {
        custom_attributes: namespace.spec.search_attributes.clone(),
        system_attributes: schema::built_in(),
        storage_schema: Default::default(),
    })
}
