use atoll_api::call::CallContext;
use atoll_api::temporal::api::cloud::cloudservice::v1::{GetUserRequest, GetUserResponse};

use super::{CloudApi, message, tenant};
use crate::error::ApiError;
use crate::model::PrincipalKind;
use crate::names::check_id;

/// Shows a user of the account.
pub(super) async fn run(
    api: &CloudApi,
    ctx: &CallContext,
    request: GetUserRequest,
) -> Result<GetUserResponse, ApiError> {
    let tenant = tenant(ctx)?;
    check_id("user_id", &request.user_id)?;
    let mut snapshot = api.store.snapshot().await?;
    let user = snapshot.principal(&request.user_id).await?;
    let user = user.filter(|user| user.account_id == tenant.account_id && user.kind == PrincipalKind::User);
    let user =
        user.ok_or_else(|| ApiError::NotFound(format!("user {:?} does not exist", request.user_id)))?;
    Ok(GetUserResponse { user: Some(message::user(&user)) })
}
