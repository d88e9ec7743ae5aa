use atoll_api::call::CallContext;
use atoll_api::temporal::api::cloud::cloudservice::v1::{GetNamespaceRequest, GetNamespaceResponse};

use super::{CloudApi, message};
use crate::error::ApiError;

/// Shows a namespace as it should be, and how far it is.
pub(super) async fn run(
    api: &CloudApi,
    _ctx: &CallContext,
    request: GetNamespaceRequest,
) -> Result<GetNamespaceResponse, ApiError> {
    let mut snapshot = api.store.snapshot().await?;
    let namespace = snapshot.live_namespace(&request.namespace).await?;
    let namespace = namespace
        .ok_or_else(|| ApiError::NotFound(format!("namespace {} does not exist", request.namespace)))?;
    Ok(GetNamespaceResponse { namespace: Some(message::namespace(&namespace, &api.gateway_address)) })
}
