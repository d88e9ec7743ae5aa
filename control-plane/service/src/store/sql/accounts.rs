use async_trait::async_trait;

use super::{Row, Session, Statement, values_of};
use crate::model::Account;
use crate::store::StoreError;
use crate::store::accounts::{ReadAccounts, WriteAccounts};

#[async_trait]
impl<S: Session> ReadAccounts for S {
    async fn account(&mut self, id: &str) -> Result<Option<Account>, StoreError> {
        let row = self.one(Statement::AccountGet, values_of![id]).await?;
        row.as_ref().map(account).transpose()
    }

    async fn account_by_name(&mut self, name: &str) -> Result<Option<Account>, StoreError> {
        let row = self.one(Statement::AccountByName, values_of![name]).await?;
        row.as_ref().map(account).transpose()
    }

    async fn accounts(&mut self, after: &str, limit: i64) -> Result<Vec<Account>, StoreError> {
        let rows = self.all(Statement::AccountPage, values_of![after, limit]).await?;
        rows.iter().map(account).collect()
    }
}

#[async_trait]
impl<S: Session> WriteAccounts for S {
    async fn insert_account(&mut self, account: &Account) -> Result<(), StoreError> {
        let values = values_of![&account.id, &account.name, account.created_ms];
        self.run(Statement::AccountInsert, values).await.map(drop)
    }
}

fn account(row: &impl Row) -> Result<Account, StoreError> {
    Ok(Account { id: row.text("id")?, name: row.text("name")?, created_ms: row.integer("created_ms")? })
}
