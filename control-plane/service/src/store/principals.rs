use async_trait::async_trait;

use super::StoreError;
use crate::model::{Access, Principal, PrincipalKind};

/// Principals, as of one moment.
#[async_trait]
pub(crate) trait ReadPrincipals: Send {
    async fn principal(&mut self, id: &str) -> Result<Option<Principal>, StoreError>;

    /// The user that an account was made with.
    async fn first_admin(&mut self, account_id: &str) -> Result<Option<Principal>, StoreError>;

    /// At most `limit` principals of one kind behind `after`, by id.
    async fn principals(
        &mut self,
        account_id: &str,
        kind: PrincipalKind,
        after: &str,
        limit: i64,
    ) -> Result<Vec<Principal>, StoreError>;
}

/// Changes of principals.
#[async_trait]
pub(crate) trait WritePrincipals: Send {
    /// At version 1. Refused where its account has one of this kind and name.
    async fn insert_principal(&mut self, principal: &Principal) -> Result<(), StoreError>;

    /// Writes the access, and raises the version.
    async fn set_access(&mut self, id: &str, access: &Access, now_ms: i64) -> Result<(), StoreError>;

    /// Takes the permissions on a namespace from everybody, and tells whether anybody had one.
    async fn revoke_namespace(
        &mut self,
        account_id: &str,
        cloud_id: &str,
        now_ms: i64,
    ) -> Result<bool, StoreError>;
}
