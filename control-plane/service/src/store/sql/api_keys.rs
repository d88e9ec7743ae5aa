use async_trait::async_trait;

use super::{Row, Session, Statement, principals, values_of};
use crate::model::{ApiKey, KeyGrant, PrincipalKind};
use crate::store::StoreError;
use crate::store::api_keys::{KeyFilter, ReadApiKeys, WriteApiKeys};

#[async_trait]
impl<S: Session> ReadApiKeys for S {
    async fn api_key(&mut self, id: &str) -> Result<Option<ApiKey>, StoreError> {
        let row = self.one(Statement::ApiKeyGet, values_of![id]).await?;
        row.as_ref().map(api_key).transpose()
    }

    async fn api_key_count(&mut self, account_id: &str) -> Result<u32, StoreError> {
        self.count(Statement::ApiKeyCount, account_id).await
    }

    async fn api_keys(&mut self, filter: &KeyFilter<'_>) -> Result<Vec<ApiKey>, StoreError> {
        let kind = filter.owner_kind.map_or("", PrincipalKind::name);
        let values = values_of![filter.account_id, filter.after, filter.owner_id, kind, filter.limit];
        let rows = self.all(Statement::ApiKeyPage, values).await?;
        rows.iter().map(api_key).collect()
    }

    async fn key_set(&mut self) -> Result<Vec<KeyGrant>, StoreError> {
        let rows = self.all(Statement::ApiKeySet, &[]).await?;
        let grant = |row: &S::Row| {
            Ok(KeyGrant {
                key: api_key(row)?,
                owner_kind: principals::kind(row)?,
                access: principals::access(row)?,
            })
        };
        rows.iter().map(grant).collect()
    }
}

#[async_trait]
impl<S: Session> WriteApiKeys for S {
    async fn insert_api_key(&mut self, key: &ApiKey) -> Result<(), StoreError> {
        let values = values_of![
            &key.id,
            &key.account_id,
            &key.principal_id,
            key.secret_sha256.as_slice(),
            &key.display_name,
            &key.description,
            key.expires_ms,
            key.disabled,
            &key.workflow_id,
            key.created_ms,
        ];
        self.run(Statement::ApiKeyInsert, values).await.map(drop)
    }

    async fn delete_api_key(&mut self, id: &str) -> Result<(), StoreError> {
        self.run(Statement::ApiKeyDelete, values_of![id]).await.map(drop)
    }
}

fn api_key(row: &impl Row) -> Result<ApiKey, StoreError> {
    let hash = row.bytes("secret_sha256")?;
    Ok(ApiKey {
        id: row.text("id")?,
        account_id: row.text("account_id")?,
        principal_id: row.text("principal_id")?,
        secret_sha256: hash.try_into().map_err(|_| StoreError::malformed("key hash", "not 32 bytes"))?,
        display_name: row.text("display_name")?,
        description: row.text("description")?,
        expires_ms: row.integer("expires_ms")?,
        disabled: row.flag("disabled")?,
        resource_version: row.integer("resource_version")?,
        workflow_id: row.text("workflow_id")?,
        created_ms: row.integer("created_ms")?,
        modified_ms: row.maybe_integer("modified_ms")?,
    })
}
