use atoll_api::call::CallContext;
use atoll_api::temporal::api::cloud::cloudservice::v1::{DeleteApiKeyRequest, DeleteApiKeyResponse};
use futures::FutureExt;

use super::{CloudApi, check_version, get_api_key, message, tenant};
use crate::change::{Asked, Subject};
use crate::error::ApiError;
use crate::model::{Operation, OperationKind};
use crate::store::{Counter, Transaction};

/// Deletes a key. The Cloud API refuses it at once, every cell that serves when the operation is fulfilled.
pub(super) async fn run(
    api: &CloudApi,
    ctx: &CallContext,
    request: DeleteApiKeyRequest,
) -> Result<DeleteApiKeyResponse, ApiError> {
    let tenant = tenant(ctx)?;
    let asked = Asked {
        tenant,
        kind: OperationKind::DeleteApiKey,
        action: "DeleteApiKey",
        id: &request.async_operation_id,
        request: &request,
    };
    let operation = api.change(tenant, |transaction| decide(api, transaction, &asked).boxed()).await?;
    Ok(DeleteApiKeyResponse { async_operation: Some(message::operation(&operation)) })
}

async fn decide(
    api: &CloudApi,
    transaction: &mut dyn Transaction,
    asked: &Asked<'_, DeleteApiKeyRequest>,
) -> Result<Operation, ApiError> {
    if let Some(operation) = api.changes().begin(transaction, asked).await? {
        return Ok(operation);
    }
    let request = asked.request;
    let key = get_api_key::visible(transaction, asked.tenant, &request.key_id).await?;
    check_version(&request.key_id, &request.resource_version, key.resource_version)?;
    let subject =
        Subject { id: key.id.clone(), resource: format!("api-key/{}", key.id), previous_spec: None };
    let operation = api.changes().operation(asked, &subject);
    transaction.delete_api_key(&key.id).await?;
    transaction.raise(Counter::KeySet, 0).await?;
    api.changes().record(transaction, asked, &subject, &operation).await?;
    Ok(operation)
}
