use atoll_api::call::CallContext;
use atoll_api::temporal::api::cloud::cloudservice::v1::get_current_identity_response::Principal as Identity;
use atoll_api::temporal::api::cloud::cloudservice::v1::{
    GetCurrentIdentityRequest, GetCurrentIdentityResponse,
};

use super::{CloudApi, get_api_key, message, tenant};
use crate::error::ApiError;
use crate::model::PrincipalKind;
use crate::store::{api_keys, principals};

/// Shows who the caller is and by which key.
pub(super) async fn run(
    api: &CloudApi,
    ctx: &CallContext,
    _request: GetCurrentIdentityRequest,
) -> Result<GetCurrentIdentityResponse, ApiError> {
    let tenant = tenant(ctx)?;
    let mut connection = api.store.read().await?;
    let principal = principals::get(&mut connection, &tenant.principal_id).await?;
    let principal =
        principal.ok_or_else(|| ApiError::NotFound("the caller does not exist any more".to_owned()))?;
    let key = match api_keys::get(&mut connection, &tenant.key_id).await? {
        Some(key) => Some(get_api_key::shown(&mut connection, &key).await?),
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
