use atoll_api::call::CallContext;
use atoll_api::temporal::api::cloud::cloudservice::v1::{
    GetAsyncOperationRequest, GetAsyncOperationResponse,
};

use super::{CloudApi, message, tenant};
use crate::error::ApiError;
use crate::names::{check_id, check_operation_id};
use crate::store::operations;

/// Shows how far an operation of the caller's account is. One of another account does not exist.
pub(super) async fn run(
    api: &CloudApi,
    ctx: &CallContext,
    request: GetAsyncOperationRequest,
) -> Result<GetAsyncOperationResponse, ApiError> {
    let tenant = tenant(ctx)?;
    check_id("async_operation_id", &request.async_operation_id)?;
    check_operation_id(&request.async_operation_id)?;
    let mut connection = api.store.read().await?;
    let operation =
        operations::by_id(&mut connection, &tenant.account_id, &request.async_operation_id).await?;
    let operation =
        operation.ok_or_else(|| ApiError::NotFound("async operation does not exist".to_owned()))?;
    Ok(GetAsyncOperationResponse { async_operation: Some(message::operation(&operation)) })
}
