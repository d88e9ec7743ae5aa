use atoll_api::call::CallContext;
use atoll_api::temporal::api::cloud::cloudservice::v1::{DeleteNamespaceRequest, DeleteNamespaceResponse};
use futures::FutureExt;

use super::{CloudApi, check_version, message, tenant};
use crate::change::{Asked, Subject};
use crate::error::ApiError;
use crate::model::{NamespaceState, Operation, OperationKind};
use crate::store::Transaction;

/// Decides that a namespace should not be any more, nor anything that it holds.
pub(super) async fn run(
    api: &CloudApi,
    ctx: &CallContext,
    request: DeleteNamespaceRequest,
) -> Result<DeleteNamespaceResponse, ApiError> {
    let tenant = tenant(ctx)?;
    let asked = Asked {
        tenant,
        kind: OperationKind::DeleteNamespace,
        action: "DeleteNamespace",
        id: &request.async_operation_id,
        request: &request,
    };
    let operation = api.change(tenant, |transaction| decide(api, transaction, &asked).boxed()).await?;
    Ok(DeleteNamespaceResponse { async_operation: Some(message::operation(&operation)) })
}

async fn decide(
    api: &CloudApi,
    transaction: &mut dyn Transaction,
    asked: &Asked<'_, DeleteNamespaceRequest>,
) -> Result<Operation, ApiError> {
    if let Some(operation) = api.changes().begin(transaction, asked).await? {
        return Ok(operation);
    }
    let request = asked.request;
    let namespace = transaction.live_namespace(&request.namespace).await?;
    let mut namespace = namespace
        .ok_or_else(|| ApiError::NotFound(format!("namespace {} does not exist", request.namespace)))?;
    check_version(&request.namespace, &request.resource_version, namespace.resource_version)?;
    if namespace.state.is_changing() {
        return Err(ApiError::FailedPrecondition(format!(
            "namespace {} is {} and cannot be deleted now",
            request.namespace,
            namespace.state.name()
        )));
    }
    if namespace.spec.lifecycle.as_ref().is_some_and(|lifecycle| lifecycle.enable_delete_protection) {
        return Err(ApiError::FailedPrecondition(format!(
            "namespace {} is protected against deletion",
            request.namespace
        )));
    }
    let subject = Subject {
        id: namespace.uuid.to_string(),
        resource: format!("namespace/{}", namespace.cloud_id),
        previous_spec: None,
    };
    let operation = api.changes().operation(asked, &subject);
    namespace.state = NamespaceState::Deleting;
    namespace.workflow_id = operation.workflow_id.clone();
    namespace.modified_ms = Some(operation.created_ms);
    transaction.change_namespace(&namespace).await?;
    api.changes().record(transaction, asked, &subject, &operation).await?;
    Ok(operation)
}
