#![allow(deprecated, reason = "clients still send the fields that newer ones replace")]

use atoll_api::call::CallContext;
use atoll_api::temporal::api::cloud::cloudservice::v1::{UpdateNamespaceRequest, UpdateNamespaceResponse};
use atoll_api::temporal::api::cloud::namespace::v1::NamespaceSpec;
use futures::FutureExt;

use super::{CloudApi, check_version, message, spec, tenant};
use crate::change::{Asked, Subject};
use crate::error::ApiError;
use crate::model::{NamespaceState, Operation, OperationKind};
use crate::store::Transaction;

/// Decides on new settings for an active namespace. If its cell refuses them, the earlier ones come back.
pub(super) async fn run(
    api: &CloudApi,
    ctx: &CallContext,
    request: UpdateNamespaceRequest,
) -> Result<UpdateNamespaceResponse, ApiError> {
    let tenant = tenant(ctx)?;
    let asked = Asked {
        tenant,
        kind: OperationKind::UpdateNamespace,
        action: "UpdateNamespace",
        id: &request.async_operation_id,
        request: &request,
    };
    let settings =
        request.spec.clone().ok_or_else(|| ApiError::InvalidArgument("spec is required".to_owned()))?;
    let settings = spec::checked(settings)?;

    let operation =
        api.change(tenant, |transaction| decide(api, transaction, &asked, settings).boxed()).await?;
    Ok(UpdateNamespaceResponse { async_operation: Some(message::operation(&operation)) })
}

async fn decide(
    api: &CloudApi,
    transaction: &mut dyn Transaction,
    asked: &Asked<'_, UpdateNamespaceRequest>,
    mut settings: NamespaceSpec,
) -> Result<Operation, ApiError> {
    if let Some(operation) = api.changes().begin(transaction, asked).await? {
        return Ok(operation);
    }
    let request = asked.request;
    let namespace = transaction.live_namespace(&request.namespace).await?;
    let mut namespace = namespace
        .ok_or_else(|| ApiError::NotFound(format!("namespace {} does not exist", request.namespace)))?;
    check_version(&request.namespace, &request.resource_version, namespace.resource_version)?;
    if namespace.state != NamespaceState::Active {
        return Err(ApiError::FailedPrecondition(format!(
            "namespace {} is {} and cannot be updated now",
            request.namespace,
            namespace.state.name()
        )));
    }
    spec::check_change(&namespace.spec, &settings)?;
    if settings.regions.is_empty() && settings.replicas.is_empty() {
        settings.regions = namespace.spec.regions.clone();
        settings.replicas = namespace.spec.replicas.clone();
    }
    let subject = Subject {
        id: namespace.uuid.to_string(),
        resource: format!("namespace/{}", namespace.cloud_id),
        previous_spec: Some(namespace.spec.clone()),
    };
    let operation = api.changes().operation(asked, &subject);
    namespace.spec = settings;
    namespace.state = NamespaceState::Updating;
    namespace.workflow_id = operation.workflow_id.clone();
    namespace.modified_ms = Some(operation.created_ms);
    transaction.change_namespace(&namespace).await?;
    api.changes().record(transaction, asked, &subject, &operation).await?;
    Ok(operation)
}
