use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Row, query};

use super::{StoreError, sql};
use crate::model::{Access, Principal, PrincipalKind};

pub(crate) async fn insert(
    connection: &mut SqliteConnection,
    principal: &Principal,
) -> Result<(), StoreError> {
    query(sql!("principal_insert"))
        .bind(&principal.id)
        .bind(&principal.account_id)
        .bind(principal.kind.name())
        .bind(&principal.name)
        .bind(&principal.description)
        .bind(access_text(&principal.access)?)
        .bind(principal.created_ms)
        .execute(connection)
        .await?;
    Ok(())
}

pub(crate) async fn get(
    connection: &mut SqliteConnection,
    id: &str,
) -> Result<Option<Principal>, StoreError> {
    let row = query(sql!("principal_get")).bind(id).fetch_optional(connection).await?;
    row.as_ref().map(principal).transpose()
}

/// The user that an account was made with.
pub(crate) async fn first_admin(
    connection: &mut SqliteConnection,
    account_id: &str,
) -> Result<Option<Principal>, StoreError> {
    let row = query(sql!("principal_first_admin")).bind(account_id).fetch_optional(connection).await?;
    row.as_ref().map(principal).transpose()
}

/// At most `limit` principals of one kind behind `after`, by id.
pub(crate) async fn page(
    connection: &mut SqliteConnection,
    account_id: &str,
    kind: PrincipalKind,
    after: &str,
    limit: i64,
) -> Result<Vec<Principal>, StoreError> {
    let rows = query(sql!("principal_page"))
        .bind(account_id)
        .bind(kind.name())
        .bind(after)
        .bind(limit)
        .fetch_all(connection)
        .await?;
    rows.iter().map(principal).collect()
}

pub(crate) async fn set_access(
    connection: &mut SqliteConnection,
    id: &str,
    access: &Access,
    now_ms: i64,
) -> Result<(), StoreError> {
    query(sql!("principal_set_access"))
        .bind(id)
        .bind(access_text(access)?)
        .bind(now_ms)
        .execute(connection)
        .await?;
    Ok(())
}

/// Takes the permissions on a namespace from everybody, and tells whether anybody had one.
pub(crate) async fn revoke_namespace(
    connection: &mut SqliteConnection,
    account_id: &str,
    cloud_id: &str,
    now_ms: i64,
) -> Result<bool, StoreError> {
    let rows = query(sql!("principal_with_namespace"))
        .bind(account_id)
        .bind(cloud_id)
        .fetch_all(&mut *connection)
        .await?;
    let mut revoked = false;
    for row in &rows {
        let mut principal = principal(row)?;
        if principal.access.namespaces.remove(cloud_id).is_some() {
            set_access(&mut *connection, &principal.id, &principal.access, now_ms).await?;
            revoked = true;
        }
    }
    Ok(revoked)
}

fn access_text(access: &Access) -> Result<String, StoreError> {
    serde_json::to_string(access).map_err(|error| StoreError::malformed("access", error))
}

/// The access in a row's `access` column.
pub(super) fn access(row: &SqliteRow) -> Result<Access, StoreError> {
    let text: String = row.try_get("access")?;
    serde_json::from_str(&text).map_err(|error| StoreError::malformed("access", error))
}

/// The kind in a row's `kind` column.
pub(super) fn kind(row: &SqliteRow) -> Result<PrincipalKind, StoreError> {
    let name: String = row.try_get("kind")?;
    PrincipalKind::from_name(&name).ok_or_else(|| StoreError::malformed("principal kind", name))
}

fn principal(row: &SqliteRow) -> Result<Principal, StoreError> {
    Ok(Principal {
        id: row.try_get("id")?,
        account_id: row.try_get("account_id")?,
        kind: kind(row)?,
        name: row.try_get("name")?,
        description: row.try_get("description")?,
        access: access(row)?,
        resource_version: row.try_get("resource_version")?,
        created_ms: row.try_get("created_ms")?,
        modified_ms: row.try_get("modified_ms")?,
    })
}
