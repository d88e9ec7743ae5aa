//! From whatever version a file has to the newest.

use sqlx::{Connection, SqliteConnection};

use crate::error::Refusal;
use crate::schema::{Claim, Schema};

/// What the database claims to be, seen through its write-ahead log.
pub(crate) async fn claim(connection: &mut SqliteConnection) -> Result<Claim, Refusal> {
    let application_id = number(connection, "PRAGMA application_id").await?;
    Ok(Claim { application_id, version: number(connection, "PRAGMA user_version").await? })
}

/// Applies what is missing. Tables, mark and version change in one transaction: after a crash or a failure the file is
/// as before. Of processes that do this at the same time one does it, and the others find it done.
pub(crate) async fn migrate(connection: &mut SqliteConnection, schema: &Schema) -> Result<(), Refusal> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let claim = claim(&mut transaction).await?;
    let tables = number(&mut transaction, "SELECT count(*) FROM sqlite_schema").await?;
    let is_new = claim == Claim { application_id: 0, version: 0 } && tables == 0;
    let applied = if is_new { 0 } else { schema.applied(claim)? };
    for (script, version) in schema.migrations.iter().zip(1..).skip(applied) {
        let done = sqlx::raw_sql(*script).execute(&mut *transaction).await;
        done.map_err(|source| Refusal::Migration { version, source })?;
    }
    if is_new || applied < schema.migrations.len() {
        let (mark, version) = (schema.application_id(), schema.migrations.len());
        let stamp = format!("PRAGMA application_id = {mark}; PRAGMA user_version = {version}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(stamp)).execute(&mut *transaction).await?;
    }
    Ok(transaction.commit().await?)
}

async fn number(connection: &mut SqliteConnection, sql: &'static str) -> Result<i32, Refusal> {
    Ok(sqlx::query_scalar(sql).fetch_one(connection).await?)
}
