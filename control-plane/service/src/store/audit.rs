use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Row, query};

use super::{StoreError, sql};
use crate::model::{AuditEntry, AuditRecord};

pub(crate) async fn insert(connection: &mut SqliteConnection, entry: &AuditEntry) -> Result<(), StoreError> {
    query(sql!("audit_insert"))
        .bind(entry.time_ms)
        .bind(&entry.account_id)
        .bind(&entry.actor)
        .bind(&entry.key_id)
        .bind(&entry.action)
        .bind(&entry.resource)
        .bind(&entry.operation_id)
        .execute(connection)
        .await?;
    Ok(())
}

/// At most `limit` records before `before`, newest first; only one account's unless that is empty.
pub(crate) async fn page(
    connection: &mut SqliteConnection,
    before: i64,
    account_id: &str,
    limit: i64,
) -> Result<Vec<AuditRecord>, StoreError> {
    let rows =
        query(sql!("audit_page")).bind(before).bind(account_id).bind(limit).fetch_all(connection).await?;
    rows.iter().map(record).collect()
}

fn record(row: &SqliteRow) -> Result<AuditRecord, StoreError> {
    Ok(AuditRecord {
        id: row.try_get("id")?,
        entry: AuditEntry {
            time_ms: row.try_get("time_ms")?,
            account_id: row.try_get("account_id")?,
            actor: row.try_get("actor")?,
            key_id: row.try_get("key_id")?,
            action: row.try_get("action")?,
            resource: row.try_get("resource")?,
            operation_id: row.try_get("operation_id")?,
        },
    })
}
