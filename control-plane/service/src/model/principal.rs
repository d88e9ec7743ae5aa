use super::{Access, stored_names};

/// Who acts in an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Unique over all accounts.
    pub id: String,
    /// The account it acts in.
    pub account_id: String,
    /// Person or machine.
    pub kind: PrincipalKind,
    /// E-mail address of a user, name of a service account; unique per account and kind.
    pub name: String,
    /// For people.
    pub description: String,
    /// What it may do.
    pub access: Access,
    /// Rises with every change.
    pub resource_version: i64,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: i64,
    /// When it was last changed.
    pub modified_ms: Option<i64>,
}

/// Kinds of principals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PrincipalKind {
    /// A person.
    User,
    /// A program.
    ServiceAccount,
}

stored_names!(PrincipalKind { User = "user", ServiceAccount = "service_account" });
