use atoll_api::call::CallContext;
use atoll_api::temporal::api::cloud::cloudservice::v1::{GetApiKeyRequest, GetApiKeyResponse};
use sqlx::sqlite::SqliteConnection;

use super::{CloudApi, message, tenant};
use crate::auth::Tenant;
use crate::error::ApiError;
use crate::model::ApiKey;
use crate::names::check_id;
use crate::store::{StoreError, api_keys, operations, principals};

/// Shows a key, never its secret.
pub(super) async fn run(
    api: &CloudApi,
    ctx: &CallContext,
    request: GetApiKeyRequest,
) -> Result<GetApiKeyResponse, ApiError> {
    let tenant = tenant(ctx)?;
    let mut connection = api.store.read().await?;
    let key = visible(&mut connection, tenant, &request.key_id).await?;
    Ok(GetApiKeyResponse { api_key: Some(shown(&mut connection, &key).await?) })
}

/// The key, if it is of the caller's account and the caller may see it.
pub(super) async fn visible(
    connection: &mut SqliteConnection,
    tenant: &Tenant,
    key_id: &str,
) -> Result<ApiKey, ApiError> {
    check_id("key_id", key_id)?;
    let key = api_keys::get(connection, key_id).await?;
    let key = key.filter(|key| key.account_id == tenant.account_id);
    let own = |key: &ApiKey| key.principal_id == tenant.principal_id;
    key.filter(|key| tenant.access.is_admin() || own(key))
        .ok_or_else(|| ApiError::NotFound(format!("API key {key_id:?} does not exist")))
}

/// A key with its owner's type and the state of its operation.
pub(super) async fn shown(
    connection: &mut SqliteConnection,
    key: &ApiKey,
) -> Result<atoll_api::temporal::api::cloud::identity::v1::ApiKey, StoreError> {
    let owner = principals::get(connection, &key.principal_id).await?;
    let owner = owner.ok_or_else(|| StoreError::malformed("API key", "its owner is missing"))?;
    let operation = operations::get(connection, &key.workflow_id).await?;
    Ok(message::api_key(key, owner.kind, operation.as_ref()))
}
