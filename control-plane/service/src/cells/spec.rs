use std::collections::BTreeMap;

use atoll_internal_api::cell::v1::{AccountRole as GrantedRole, Grant, KeyRecord, NamespaceSpec};
use atoll_rpc::wire_time;

use crate::model::{Access, AccountRole, KeyGrant, Namespace, Permission};

/// A namespace as its cell sees it.
pub(crate) fn namespace_spec(namespace: &Namespace) -> NamespaceSpec {
    let spec = &namespace.spec;
    NamespaceSpec {
        id: namespace.uuid.as_bytes().to_vec().into(),
        name: namespace.cloud_id.clone(),
        retention: Some(wire_time::from_days(spec.retention_days.into())),
        account_id: namespace.account_id.clone(),
        project_id: namespace.project_id.clone(),
        tags: namespace.tags.clone(),
        description: String::new(),
        owner_email: String::new(),
        // The Cloud API numbers its types as the server's API does.
        search_attributes: spec.search_attributes.clone(),
        generation: namespace.generation.cast_unsigned(),
        delete_protected: spec.lifecycle.as_ref().is_some_and(|lifecycle| lifecycle.enable_delete_protection),
        create_time: Some(wire_time::from_millis(namespace.created_ms)),
    }
}

/// A key as cells verify it.
pub(crate) fn key_record(grant: &KeyGrant) -> KeyRecord {
    let key = &grant.key;
    KeyRecord {
        key_id: key.id.clone(),
        secret_sha256: key.secret_sha256.to_vec().into(),
        account_id: key.account_id.clone(),
        principal: key.principal_id.clone(),
        grant: Some(cell_grant(&grant.access)),
        expires_at: Some(wire_time::from_millis(key.expires_ms)),
        disabled: key.disabled,
    }
}

/// What a principal may do, as the other pieces of the cloud are told: as it is here, nothing left out and nothing
/// rounded.
pub(crate) fn cell_grant(access: &Access) -> Grant {
    let account_role = access.account_role.map_or(GrantedRole::Unspecified, granted);
    let namespaces: BTreeMap<String, String> =
        access.namespaces.iter().map(|(id, permission)| (id.clone(), name(*permission).to_owned())).collect();
    Grant { account_role: account_role.into(), namespaces }
}

const fn granted(role: AccountRole) -> GrantedRole {
    match role {
        AccountRole::Owner => GrantedRole::Owner,
        AccountRole::Admin => GrantedRole::Admin,
        AccountRole::Developer => GrantedRole::Developer,
        AccountRole::FinanceAdmin => GrantedRole::FinanceAdmin,
        AccountRole::Read => GrantedRole::Read,
        AccountRole::MetricsRead => GrantedRole::MetricsRead,
    }
}

const fn name(permission: Permission) -> &'static str {
    match permission {
        Permission::Admin => "admin",
        Permission::Write => "write",
        Permission::Read => "read",
    }
}
