use async_trait::async_trait;

use super::StoreError;
use crate::model::Account;

/// Accounts, as of one moment.
#[async_trait]
pub(crate) trait ReadAccounts: Send {
    async fn account(&mut self, id: &str) -> Result<Option<Account>, StoreError>;

    async fn account_by_name(&mut self, name: &str) -> Result<Option<Account>, StoreError>;

    /// At most `limit` accounts behind `after`, by id.
    async fn accounts(&mut self, after: &str, limit: i64) -> Result<Vec<Account>, StoreError>;
}

/// Changes of accounts.
#[async_trait]
pub(crate) trait WriteAccounts: Send {
    /// Refused where its id or its name is taken.
    async fn insert_account(&mut self, account: &Account) -> Result<(), StoreError>;
}
