use super::Role;
use crate::namespaces::Namespace;
use atoll_api::call::{Principal, PrincipalKind};
use atoll_internal_api::cell::v1::{AccountRole, KeyRecord};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Whether an account role includes every namespace of the account. The others concern the account's own resources and
/// give nothing within a namespace: a developer is made administrator of each namespace that it creates, by a grant
/// like any other.
const fn has_every_namespace(role: AccountRole) -> bool {
    match role {
        AccountRole::Owner | AccountRole::Admin => true,
        AccountRole::Unspecified
        | AccountRole::Developer
        | AccountRole::FinanceAdmin
        | AccountRole::Read
        | AccountRole::MetricsRead => false,
    }
}

/// Who calls, with what was granted. Travels in the call's extensions.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) principal: Arc<Principal>,
    grant: Grant,
}

#[derive(Debug)]
enum Grant {
    /// Another piece of the cloud: everything.
    Everything,
    /// The key of an account.
    Account { account_id: String, admin: bool, namespaces: BTreeMap<String, Role> },
}

impl Caller {
    /// The caller behind an API key.
    pub(crate) fn of_key(record: &KeyRecord) -> Self {
        let grant = record.grant.clone().unwrap_or_default();
        let admin = has_every_namespace(grant.account_role());
        let namespaces = grant
            .namespaces
            .into_iter()
            .filter_map(|(namespace, role)| Some((namespace, Role::from_name(&role)?)))
            .collect();
        let principal = Principal {
            kind: PrincipalKind::ServiceAccount,
            id: record.principal.clone(),
            account: record.account_id.clone(),
            display: record.key_id.clone(),
        };
        Self {
            principal: Arc::new(principal),
            grant: Grant::Account { account_id: record.account_id.clone(), admin, namespaces },
        }
    }

    /// A piece of the cloud that knows the cell's internal token.
    pub(crate) fn internal(name: &str) -> Self {
        let principal = Principal {
            kind: PrincipalKind::Internal,
            id: name.to_owned(),
            account: String::new(),
            display: name.to_owned(),
        };
        Self { principal: Arc::new(principal), grant: Grant::Everything }
    }

    /// Whether the caller may do everything.
    pub(crate) fn is_operator(&self) -> bool {
        matches!(self.grant, Grant::Everything)
    }

    /// What the caller may do in a namespace; none also where it belongs to somebody else, whatever a grant says.
    pub(crate) fn role_in(&self, namespace: &Namespace) -> Option<Role> {
        match &self.grant {
            Grant::Everything => Some(Role::Admin),
            Grant::Account { account_id, admin, namespaces } => {
                if *account_id != namespace.spec.account_id || account_id.is_empty() {
                    None
                } else if *admin {
                    Some(Role::Admin)
                } else {
                    namespaces.get(&*namespace.name).copied()
                }
            }
        }
    }

    /// Whether a namespace of that name would belong to the caller's account: `<name>.<account>`.
    pub(crate) fn owns_name(&self, name: &str) -> bool {
        match &self.grant {
            Grant::Everything => true,
            Grant::Account { account_id, .. } => {
                !account_id.is_empty()
                    && name.rsplit_once('.').is_some_and(|(_, account)| account == account_id)
            }
        }
    }
}
