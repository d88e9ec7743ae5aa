use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Row, query};

use super::{StoreError, sql};
use crate::model::Account;

pub(crate) async fn insert(connection: &mut SqliteConnection, account: &Account) -> Result<(), StoreError> {
    query(sql!("account_insert"))
        .bind(&account.id)
        .bind(&account.name)
        .bind(account.created_ms)
        .execute(connection)
        .await?;
    Ok(())
}

pub(crate) async fn get(connection: &mut SqliteConnection, id: &str) -> Result<Option<Account>, StoreError> {
    let row = query(sql!("account_get")).bind(id).fetch_optional(connection).await?;
    row.as_ref().map(account).transpose()
}

pub(crate) async fn by_name(
    connection: &mut SqliteConnection,
    name: &str,
) -> Result<Option<Account>, StoreError> {
    let row = query(sql!("account_by_name")).bind(name).fetch_optional(connection).await?;
    row.as_ref().map(account).transpose()
}

/// At most `limit` accounts behind `after`, by id.
pub(crate) async fn page(
    connection: &mut SqliteConnection,
    after: &str,
    limit: i64,
) -> Result<Vec<Account>, StoreError> {
    let rows = query(sql!("account_page")).bind(after).bind(limit).fetch_all(connection).await?;
    rows.iter().map(account).collect()
}

fn account(row: &SqliteRow) -> Result<Account, StoreError> {
    Ok(Account { id: row.try_get("id")?, name: row.try_get("name")?, created_ms: row.try_get("created_ms")? })
}
