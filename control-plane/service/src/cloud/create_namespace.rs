use atoll_api::call::CallContext;
use atoll_api::temporal::api::cloud::cloudservice::v1::{CreateNamespaceRequest, CreateNamespaceResponse};
use atoll_api::temporal::api::cloud::namespace::v1::NamespaceSpec;
use futures::FutureExt;

use super::{CloudApi, check_room, message, spec, tenant};
use crate::auth::Tenant;
use crate::change::{Asked, Subject};
use crate::error::ApiError;
use crate::model::{Namespace, NamespaceState, Operation, OperationKind, Permission};
use crate::names::{check_id, check_tags, cloud_id};
use crate::store::{Counter, Transaction};

/// Project of namespaces that name none.
const DEFAULT_PROJECT: &str = "default";

/// Decides that a namespace should be; its workflow places it. A developer becomes its administrator.
pub(super) async fn run(
    api: &CloudApi,
    ctx: &CallContext,
    request: CreateNamespaceRequest,
) -> Result<CreateNamespaceResponse, ApiError> {
    let tenant = tenant(ctx)?;
    let asked = Asked {
        tenant,
        kind: OperationKind::CreateNamespace,
        action: "CreateNamespace",
        id: &request.async_operation_id,
        request: &request,
    };
    let settings =
        request.spec.clone().ok_or_else(|| ApiError::InvalidArgument("spec is required".to_owned()))?;
    let settings = spec::checked(settings)?;
    check_tags(request.tags.iter())?;
    let cloud_id = cloud_id(&settings.name, &tenant.account_id);
    let region = spec::region(&settings)?.to_owned();
    check_id("region", &region)?;

    let namespace = cloud_id.clone();
    let operation = api
        .change(tenant, |transaction| decide(api, transaction, &asked, cloud_id, region, settings).boxed())
        .await?;
    Ok(CreateNamespaceResponse { namespace, async_operation: Some(message::operation(&operation)) })
}

async fn decide(
    api: &CloudApi,
    transaction: &mut dyn Transaction,
    asked: &Asked<'_, CreateNamespaceRequest>,
    cloud_id: String,
    region: String,
    settings: NamespaceSpec,
) -> Result<Operation, ApiError> {
    if let Some(operation) = api.changes().begin(transaction, asked).await? {
        return Ok(operation);
    }
    let tenant = asked.tenant;
    if !transaction.regions().await?.iter().any(|known| known.id == region) {
        return Err(ApiError::InvalidArgument(format!("region {region:?} does not exist")));
    }
    if transaction.live_namespace(&cloud_id).await?.is_some() {
        return Err(ApiError::AlreadyExists(format!("namespace {cloud_id} exists")));
    }
    let count = transaction.namespace_count(&tenant.account_id).await?;
    check_room("namespaces", count, api.limits.namespaces)?;
    let uuid = api.entropy.uuid();
    let subject =
        Subject { id: uuid.to_string(), resource: format!("namespace/{cloud_id}"), previous_spec: None };
    let operation = api.changes().operation(asked, &subject);
    let namespace = Namespace {
        uuid,
        cloud_id: cloud_id.clone(),
        account_id: tenant.account_id.clone(),
        project_id: DEFAULT_PROJECT.to_owned(),
        region,
        spec: settings,
        tags: asked.request.tags.clone(),
        state: NamespaceState::Activating,
        resource_version: 1,
        generation: 1,
        cell_id: None,
        routed: false,
        workflow_id: operation.workflow_id.clone(),
        created_ms: operation.created_ms,
        modified_ms: None,
    };
    transaction.insert_namespace(&namespace).await?;
    grant_to_creator(transaction, tenant, &cloud_id, operation.created_ms).await?;
    api.changes().record(transaction, asked, &subject, &operation).await?;
    Ok(operation)
}

/// Who creates a namespace administers it, also without a role that administers all.
async fn grant_to_creator(
    transaction: &mut dyn Transaction,
    tenant: &Tenant,
    cloud_id: &str,
    now_ms: i64,
) -> Result<(), ApiError> {
    let Some(principal) = transaction.principal(&tenant.principal_id).await? else { return Ok(()) };
    if principal.access.is_admin() {
        return Ok(());
    }
    let mut access = principal.access;
    access.namespaces.insert(cloud_id.to_owned(), Permission::Admin);
    transaction.set_access(&principal.id, &access, now_ms).await?;
    // Cells verify grants: the set of keys has changed with them.
    transaction.raise(Counter::KeySet, 0).await?;
    Ok(())
}
