use async_trait::async_trait;

use super::StoreError;
use crate::model::{ApiKey, KeyGrant, PrincipalKind};

/// Which keys of an account a page holds.
pub(crate) struct KeyFilter<'a> {
    pub(crate) account_id: &'a str,
    /// Only keys behind this id.
    pub(crate) after: &'a str,
    /// Only this owner's; empty for all.
    pub(crate) owner_id: &'a str,
    /// Only owners of this kind.
    pub(crate) owner_kind: Option<PrincipalKind>,
    pub(crate) limit: i64,
}

/// API keys, as of one moment.
#[async_trait]
pub(crate) trait ReadApiKeys: Send {
    async fn api_key(&mut self, id: &str) -> Result<Option<ApiKey>, StoreError>;

    /// How many keys an account has, whether they are taken or not.
    async fn api_key_count(&mut self, account_id: &str) -> Result<u32, StoreError>;

    /// Keys by id.
    async fn api_keys(&mut self, filter: &KeyFilter<'_>) -> Result<Vec<ApiKey>, StoreError>;

    /// All keys of all accounts with what they grant: what cells verify with.
    async fn key_set(&mut self) -> Result<Vec<KeyGrant>, StoreError>;
}

/// Changes of API keys.
#[async_trait]
pub(crate) trait WriteApiKeys: Send {
    /// At version 1.
    async fn insert_api_key(&mut self, key: &ApiKey) -> Result<(), StoreError>;

    async fn delete_api_key(&mut self, id: &str) -> Result<(), StoreError>;
}
