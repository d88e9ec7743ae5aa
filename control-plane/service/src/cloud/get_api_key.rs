use atoll_api::call::CallContext;
use atoll_api::temporal::api::cloud::cloudservice::v1::{GetApiKeyRequest, GetApiKeyResponse};

use super::{CloudApi, message, tenant};
use crate::auth::Tenant;
use crate::error::ApiError;
use crate::model::ApiKey;
use crate::names::check_id;
use crate::store::{Snapshot, StoreError};

/// Shows a key, never its secret.
pub(super) async fn run(
    api: &CloudApi,
    ctx: &CallContext,
    request: GetApiKeyRequest,
) -> Result<GetApiKeyResponse, ApiError> {
    let tenant = tenant(ctx)?;
    let mut snapshot = api.store.snapshot().await?;
    let key = visible(&mut *snapshot, tenant, &request.key_id).await?;
    Ok(GetApiKeyResponse { api_key: Some(shown(&mut *snapshot, &key).await?) })
}

/// The key, if it is of the caller's account and the caller may see it.
pub(super) async fn visible(
    snapshot: &mut dyn Snapshot,
    tenant: &Tenant,
    key_id: &str,
) -> Result<ApiKey, ApiError> {
    check_id("key_id", key_id)?;
    let key = snapshot.api_key(key_id).await?;
    let key = key.filter(|key| key.account_id == tenant.account_id);
    let own = |key: &ApiKey| key.principal_id == tenant.principal_id;
    key.filter(|key| tenant.access.is_admin() || own(key))
        .ok_or_else(|| ApiError::NotFound(format!("API key {key_id:?} does not exist")))
}

/// A key with its owner's type and the state of its operation.
pub(super) async fn shown(
    snapshot: &mut dyn Snapshot,
    key: &ApiKey,
) -> Result<atoll_api::temporal::api::cloud::identity::v1::ApiKey, StoreError> {
    let owner = snapshot.principal(&key.principal_id).await?;
    let owner = owner.ok_or_else(|| StoreError::malformed("API key", "its owner is missing"))?;
    let operation = snapshot.operation(&key.workflow_id).await?;
    Ok(message::api_key(key, owner.kind, operation.as_ref()))
}
