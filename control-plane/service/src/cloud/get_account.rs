use atoll_api::call::CallContext;
use atoll_api::temporal::api::cloud::account::v1::{Account, AccountSpec};
use atoll_api::temporal::api::cloud::cloudservice::v1::{GetAccountRequest, GetAccountResponse};
use atoll_api::temporal::api::cloud::resource::v1::ResourceState;

use super::{CloudApi, tenant};
use crate::error::ApiError;

/// Shows the caller's account.
pub(super) async fn run(
    api: &CloudApi,
    ctx: &CallContext,
    _request: GetAccountRequest,
) -> Result<GetAccountResponse, ApiError> {
    let tenant = tenant(ctx)?;
    let mut snapshot = api.store.snapshot().await?;
    let account = snapshot.account(&tenant.account_id).await?;
    let account = account.ok_or_else(|| ApiError::NotFound("the account does not exist".to_owned()))?;
    Ok(GetAccountResponse {
        account: Some(Account {
            id: account.id,
            spec: Some(AccountSpec::default()),
            resource_version: "1".to_owned(),
            state: ResourceState::Active.into(),
            ..Account::default()
        }),
    })
}
