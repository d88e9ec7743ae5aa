use atoll_api::call::CallContext;
use atoll_api::temporal::api::cloud::cloudservice::v1::{DeleteApiKeyRequest, DeleteApiKeyResponse};

use super::{CloudApi, check_version, get_api_key, message, tenant};
use crate::change::{Asked, Subject};
use crate::error::ApiError;
use crate::model::OperationKind;
use crate::store::{Counter, Lock};

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
    let mut transaction = api.store.write(Lock::Account(&tenant.account_id)).await?;
    if let Some(operation) = api.changes().repeated(&mut *transaction, &asked).await? {
        return Ok(DeleteApiKeyResponse { async_operation: Some(message::operation(&operation)) });
    }
    let key = get_api_key::visible(&mut *transaction, tenant, &request.key_id).await?;
    check_version(&request.key_id, &request.resource_version, key.resource_version)?;
    let subject =
        Subject { id: key.id.clone(), resource: format!("api-key/{}", key.id), previous_spec: None };
    let operation = api.changes().operation(&asked, &subject);
    transaction.delete_api_key(&key.id).await?;
    transaction.raise(Counter::KeySet, 0).await?;
    api.changes().record(&mut *transaction, &asked, &subject, &operation).await?;
    transaction.commit().await?;
    api.outbox.notify_one();
    Ok(DeleteApiKeyResponse { async_operation: Some(message::operation(&operation)) })
}
