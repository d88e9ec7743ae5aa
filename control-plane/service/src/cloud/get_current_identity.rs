use atoll_api::call::CallContext;
use atoll_api::temporal::api::cloud::cloudservice::v1::get_current_identity_response::Principal as Identity;
use atoll_api::temporal::api::cloud::cloudservice::v1::{
    GetCurrentIdentityRequest, GetCurrentIdentityResponse,
};

use super::{CloudApi, get_api_key, message, tenant};
use crate::error::ApiError;
use crate::model::PrincipalKind;

/// Shows who the caller is and by which key.
pub(super) async fn run(
    api: &CloudApi,
    ctx: &CallContext,
    _request: GetCurrentIdentityRequest,
) -> Result<GetCurrentIdentityResponse, ApiError> {
    let tenant = tenant(ctx)?;
    let mut snapshot = api.store.snapshot().await?;
    let principal = snapshot.principal(&tenant.principal_id).await?;
    let principal =
        principal.ok_or_else(|| ApiError::NotFound("the caller does not exist any more".to_owned()))?;
    let key = match snapshot.api_key(&tenant.key_id).await? {
        Some(key) => Some(get_api_key::shown(&mut *snapshot, &key).await?),
        None => None,
    };
    Ok(GetCurrentIdentityResponse {
        principal: Some(match principal.kind {
            PrincipalKind::User => Identity::User(message::user(&principal)),
            PrincipalKind::ServiceAccount => Identity::ServiceAccount(message::service_account(&principal)),
        }),
        principal_api_key: key,
    })
}
