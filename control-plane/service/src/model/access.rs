use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a principal may do in its account. An empty one may do nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// Role in the whole account.
    pub account_role: Option<AccountRole>,
    /// Permissions on single namespaces, by cloud id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub namespaces: BTreeMap<String, Permission>,
}

/// Roles in an account, as the Cloud API publishes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountRole {
    /// Everything, billing included.
    Owner,
    /// Everything but invoices.
    Admin,
    /// Reads the account, creates namespaces.
    Developer,
    /// Reads the account, and its billing.
    FinanceAdmin,
    /// Reads the account.
    Read,
    /// Reads metrics only.
    MetricsRead,
}

/// Permissions on a namespace; a later one contains the earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// Reads the namespace and its workflows.
    Read,
    /// Changes its settings, runs workflows.
    Write,
    /// Deletes it, gives others access to it.
    Admin,
}

impl Access {
    /// Everything in the account.
    pub fn of_role(role: AccountRole) -> Self {
        Self { account_role: Some(role), namespaces: BTreeMap::new() }
    }

    /// Whether the account may be administered.
    pub fn is_admin(&self) -> bool {
        matches!(self.account_role, Some(AccountRole::Owner | AccountRole::Admin))
    }

    /// Whether namespaces may be created.
    pub fn may_create_namespaces(&self) -> bool {
        self.is_admin() || self.account_role == Some(AccountRole::Developer)
    }

    /// Whether the account's resources may be listed.
    pub fn may_read_account(&self) -> bool {
        self.account_role.is_some_and(|role| role != AccountRole::MetricsRead)
    }

    /// Whether the usage of the whole account may be read.
    pub fn may_read_usage(&self) -> bool {
        self.is_admin() || self.account_role == Some(AccountRole::FinanceAdmin)
    }

    /// What may be done with a namespace of the account.
    pub fn on_namespace(&self, cloud_id: &str) -> Option<Permission> {
        if self.is_admin() {
            return Some(Permission::Admin);
        }
        let granted = self.namespaces.get(cloud_id).copied();
        // Who reads the account sees every namespace's settings.
        granted.or_else(|| self.may_read_account().then_some(Permission::Read))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_give_what_is_published() {
        use AccountRole::*;
        // role, administers, creates namespaces, reads the account, reads usage, on a namespace
        let cases = [
            (Some(Owner), true, true, true, true, Some(Permission::Admin)),
            (Some(Admin), true, true, true, true, Some(Permission::Admin)),
            (Some(Developer), false, true, true, false, Some(Permission::Read)),
            (Some(FinanceAdmin), false, false, true, true, Some(Permission::Read)),
            (Some(Read), false, false, true, false, Some(Permission::Read)),
            (Some(MetricsRead), false, false, false, false, None),
            (None, false, false, false, false, None),
        ];
        for (account_role, admin, creates, reads, usage, on_namespace) in cases {
            let access = Access { account_role, namespaces: BTreeMap::new() };
            assert_eq!(access.is_admin(), admin, "{account_role:?}");
            assert_eq!(access.may_create_namespaces(), creates, "{account_role:?}");
            assert_eq!(access.may_read_account(), reads, "{account_role:?}");
            assert_eq!(access.may_read_usage(), usage, "{account_role:?}");
            assert_eq!(access.on_namespace("n.acct1"), on_namespace, "{account_role:?}");
        }
    }

    #[test]
    fn a_grant_on_one_namespace_says_nothing_of_another() {
        let namespaces = BTreeMap::from([("a.acct1".to_owned(), Permission::Write)]);
        let access = Access { account_role: None, namespaces };
        assert_eq!(access.on_namespace("a.acct1"), Some(Permission::Write));
        assert_eq!(access.on_namespace("b.acct1"), None);
    }
}
