use atoll_internal_api::operator::v1::{GetAccountRequest, GetAccountResponse};

use super::{OperatorApi, message};
use crate::error::ApiError;
use crate::names::check_id;

/// Shows one account.
pub(super) async fn run(
    api: &OperatorApi,
    request: GetAccountRequest,
) -> Result<GetAccountResponse, ApiError> {
    check_id("account_id", &request.account_id)?;
    let mut snapshot = api.store.snapshot().await?;
    let account = snapshot.account(&request.account_id).await?;
    let account = account
        .ok_or_else(|| ApiError::NotFound(format!("account {:?} does not exist", request.account_id)))?;
    Ok(GetAccountResponse { account: Some(message::account(&account)) })
}
