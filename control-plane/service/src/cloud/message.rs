//! From what is decided to what the Cloud API shows.

use atoll_api::temporal::api::cloud::identity::v1 as identity;
use atoll_api::temporal::api::cloud::namespace::v1 as namespace;
use atoll_api::temporal::api::cloud::operation::v1::{AsyncOperation, async_operation};
use atoll_api::temporal::api::cloud::resource::v1::ResourceState;
use atoll_rpc::wire_time;
use prost_types::{Any, Duration};

use crate::model::{
    Access, AccountRole, ApiKey, Namespace, NamespaceState, Operation, OperationKind, OperationState,
    Permission, Principal, PrincipalKind,
};

/// How long a caller should wait before asking for an operation's state again.
const CHECK_NANOS: i32 = 200_000_000;

pub(super) fn operation(operation: &Operation) -> AsyncOperation {
    use async_operation::State;
    let state = match operation.state {
        OperationState::Pending => State::Pending,
        OperationState::InProgress => State::InProgress,
        OperationState::Failed => State::Failed,
        OperationState::Fulfilled => State::Fulfilled,
    };
    let operation_type = match operation.kind {
        OperationKind::CreateNamespace => "CreateNamespace",
        OperationKind::UpdateNamespace => "UpdateNamespace",
        OperationKind::DeleteNamespace => "DeleteNamespace",
        OperationKind::CreateApiKey => "CreateApiKey",
        OperationKind::DeleteApiKey => "DeleteApiKey",
    };
    AsyncOperation {
        id: operation.id.clone(),
        state: state.into(),
        check_duration: (!operation.is_finished()).then_some(Duration { seconds: 0, nanos: CHECK_NANOS }),
        operation_type: operation_type.to_owned(),
        operation_input: Some(Any {
            type_url: format!("type.googleapis.com/{}", operation.input_type),
            value: operation.input.clone(),
        }),
        failure_reason: operation.failure_reason.clone(),
        started_time: Some(wire_time::from_millis(operation.created_ms)),
        finished_time: operation.finished_ms.map(wire_time::from_millis),
        ..AsyncOperation::default()
    }
}

/// The caller's id of the operation that a workflow id names.
fn operation_id(workflow_id: &str) -> String {
    workflow_id.split_once('/').map_or(workflow_id, |(_, id)| id).to_owned()
}

pub(super) fn namespace(wanted: &Namespace, gateway_address: &str) -> namespace::Namespace {
    let state = match wanted.state {
        NamespaceState::Activating => ResourceState::Activating,
        NamespaceState::ActivationFailed => ResourceState::ActivationFailed,
        NamespaceState::Active => ResourceState::Active,
        NamespaceState::Updating => ResourceState::Updating,
        NamespaceState::Deleting => ResourceState::Deleting,
        NamespaceState::DeleteFailed => ResourceState::DeleteFailed,
        NamespaceState::Deleted => ResourceState::Deleted,
    };
    let changing = wanted.state.is_changing();
    namespace::Namespace {
        namespace: wanted.cloud_id.clone(),
        resource_version: wanted.resource_version.to_string(),
        spec: Some(wanted.spec.clone()),
        state: state.into(),
        async_operation_id: if changing { operation_id(&wanted.workflow_id) } else { String::new() },
        endpoints: Some(namespace::Endpoints {
            grpc_address: gateway_address.to_owned(),
            ..namespace::Endpoints::default()
        }),
        active_region: wanted.region.clone(),
        created_time: Some(wire_time::from_millis(wanted.created_ms)),
        last_modified_time: wanted.modified_ms.map(wire_time::from_millis),
        tags: wanted.tags.clone(),
        ..namespace::Namespace::default()
    }
}

pub(super) fn api_key(key: &ApiKey, owner: PrincipalKind, operation: Option<&Operation>) -> identity::ApiKey {
    let open = operation.filter(|operation| !operation.is_finished());
    identity::ApiKey {
        id: key.id.clone(),
        resource_version: key.resource_version.to_string(),
        spec: Some(identity::ApiKeySpec {
            owner_id: key.principal_id.clone(),
            owner_type: match owner {
                PrincipalKind::User => identity::OwnerType::User,
                PrincipalKind::ServiceAccount => identity::OwnerType::ServiceAccount,
            }
            .into(),
            display_name: key.display_name.clone(),
            description: key.description.clone(),
            expiry_time: Some(wire_time::from_millis(key.expires_ms)),
            disabled: key.disabled,
            ..identity::ApiKeySpec::default()
        }),
        state: if open.is_some() { ResourceState::Activating } else { ResourceState::Active }.into(),
        async_operation_id: open.map(|operation| operation.id.clone()).unwrap_or_default(),
        created_time: Some(wire_time::from_millis(key.created_ms)),
        last_modified_time: key.modified_ms.map(wire_time::from_millis),
        ..identity::ApiKey::default()
    }
}

pub(super) fn user(principal: &Principal) -> identity::User {
    identity::User {
        id: principal.id.clone(),
        resource_version: principal.resource_version.to_string(),
        spec: Some(identity::UserSpec {
            email: principal.name.clone(),
            access: Some(access(&principal.access)),
        }),
        state: ResourceState::Active.into(),
        created_time: Some(wire_time::from_millis(principal.created_ms)),
        last_modified_time: principal.modified_ms.map(wire_time::from_millis),
        ..identity::User::default()
    }
}

pub(super) fn service_account(principal: &Principal) -> identity::ServiceAccount {
    identity::ServiceAccount {
        id: principal.id.clone(),
        resource_version: principal.resource_version.to_string(),
        spec: Some(identity::ServiceAccountSpec {
            name: principal.name.clone(),
            description: principal.description.clone(),
            access: Some(access(&principal.access)),
            ..identity::ServiceAccountSpec::default()
        }),
        state: ResourceState::Active.into(),
        created_time: Some(wire_time::from_millis(principal.created_ms)),
        last_modified_time: principal.modified_ms.map(wire_time::from_millis),
        ..identity::ServiceAccount::default()
    }
}

fn access(access: &Access) -> identity::Access {
    use identity::account_access::Role;
    use identity::namespace_access::Permission as Wire;
    let role = match access.account_role {
        None => Role::Unspecified,
        Some(AccountRole::Owner) => Role::Owner,
        Some(AccountRole::Admin) => Role::Admin,
        Some(AccountRole::Developer) => Role::Developer,
        Some(AccountRole::FinanceAdmin) => Role::FinanceAdmin,
        Some(AccountRole::Read) => Role::Read,
        Some(AccountRole::MetricsRead) => Role::MetricsRead,
    };
    let permission = |permission: Permission| match permission {
        Permission::Admin => Wire::Admin,
        Permission::Write => Wire::Write,
        Permission::Read => Wire::Read,
    };
    identity::Access {
        account_access: Some(identity::AccountAccess {
            role: role.into(),
            ..identity::AccountAccess::default()
        }),
        namespace_accesses: access
            .namespaces
            .iter()
            .map(|(id, granted)| {
                let wire = identity::NamespaceAccess {
                    permission: permission(*granted).into(),
                    ..identity::NamespaceAccess::default()
                };
                (id.clone(), wire)
            })
            .collect(),
        ..identity::Access::default()
    }
}
