use atoll_api::call::CallContext;
use atoll_api::temporal::api::cloud::cloudservice::v1::{
    GetAsyncOperationRequest, GetAsyncOperationResponse,
};

use super::{CloudApi, message, tenant};
use crate::error::ApiError;
use crate::names::{check_id, check_operation_id};

/// Shows how far an operation of the caller's account is. One of another account does not exist.
pub(super) async fn run(
    api: &CloudApi,
    ctx: &CallContext,
    request: GetAsyncOperationRequest,
) -> Result<GetAsyncOperationResponse, ApiError> {
    let tenant = tenant(ctx)?;
    check_id("async_operation_id", &request.async_operation_id)?;
    check_operation_id(&request.async_operation_id)?;
    let mut snapshot = api.store.snapshot().await?;
    let operation = snapshot.operation_by_id(&tenant.account_id, &request.async_operation_id).await?;
    let operation =
        operation.ok_or_else(|| ApiError::NotFound("async operation does not exist".to_owned()))?;
    Ok(GetAsyncOperationResponse { async_operation: Some(message::operation(&operation)) })
}
