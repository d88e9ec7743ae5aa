use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Row, query};

use super::{StoreError, principals, sql};
use crate::model::{ApiKey, KeyGrant, PrincipalKind};

pub(crate) async fn insert(connection: &mut SqliteConnection, key: &ApiKey) -> Result<(), StoreError> {
    query(sql!("api_key_insert"))
        .bind(&key.id)
        .bind(&key.account_id)
        .bind(&key.principal_id)
        .bind(key.secret_sha256.as_slice())
        .bind(&key.display_name)
        .bind(&key.description)
        .bind(key.expires_ms)
        .bind(key.disabled)
        .bind(&key.workflow_id)
        .bind(key.created_ms)
        .execute(connection)
        .await?;
    Ok(())
}

pub(crate) async fn get(connection: &mut SqliteConnection, id: &str) -> Result<Option<ApiKey>, StoreError> {
    let row = query(sql!("api_key_get")).bind(id).fetch_optional(connection).await?;
    row.as_ref().map(api_key).transpose()
}

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

/// Keys by id.
pub(crate) async fn page(
    connection: &mut SqliteConnection,
    filter: &KeyFilter<'_>,
) -> Result<Vec<ApiKey>, StoreError> {
    let rows = query(sql!("api_key_page"))
        .bind(filter.account_id)
        .bind(filter.after)
        .bind(filter.owner_id)
        .bind(filter.owner_kind.map_or("", PrincipalKind::name))
        .bind(filter.limit)
        .fetch_all(connection)
        .await?;
    rows.iter().map(api_key).collect()
}

pub(crate) async fn delete(connection: &mut SqliteConnection, id: &str) -> Result<(), StoreError> {
    query(sql!("api_key_delete")).bind(id).execute(connection).await?;
    Ok(())
}

/// All keys of all accounts with what they grant: what cells verify with.
pub(crate) async fn set(connection: &mut SqliteConnection) -> Result<Vec<KeyGrant>, StoreError> {
    let rows = query(sql!("api_key_set")).fetch_all(connection).await?;
    rows.iter()
        .map(|row| {
            Ok(KeyGrant {
                key: api_key(row)?,
                owner_kind: principals::kind(row)?,
                access: principals::access(row)?,
            })
        })
        .collect()
}

fn api_key(row: &SqliteRow) -> Result<ApiKey, StoreError> {
    let hash: Vec<u8> = row.try_get("secret_sha256")?;
    Ok(ApiKey {
        id: row.try_get("id")?,
        account_id: row.try_get("account_id")?,
        principal_id: row.try_get("principal_id")?,
        secret_sha256: hash.try_into().map_err(|_| StoreError::malformed("key hash", "not 32 bytes"))?,
        display_name: row.try_get("display_name")?,
        description: row.try_get("description")?,
        expires_ms: row.try_get("expires_ms")?,
        disabled: row.try_get("disabled")?,
        resource_version: row.try_get("resource_version")?,
        workflow_id: row.try_get("workflow_id")?,
        created_ms: row.try_get("created_ms")?,
        modified_ms: row.try_get("modified_ms")?,
    })
}
