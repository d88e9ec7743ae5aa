//! Schema versions. `PRAGMA application_id` says that a file is ours, `PRAGMA user_version` which migrations it has.

use sqlx::{Row, SqliteConnection};

use super::StoreError;

/// Marks a SQLite file as metering's (`ATME`).
const APPLICATION_ID: i64 = 0x4154_4D45;

/// Migrations in order; a file has applied as many as its `user_version` says. Never edit one that has shipped.
const MIGRATIONS: &[&str] = &[include_str!("migrations/0001_cube.sql")];

/// Refuses a foreign or newer file before anything is written, then applies what is missing, each migration in one
/// transaction with its version: a crash leaves the version before or after, never between.
pub(super) async fn migrate(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let application_id = pragma(connection, "PRAGMA application_id").await?;
    let version = pragma(connection, "PRAGMA user_version").await?;
    let tables = pragma(connection, "SELECT count(*) FROM sqlite_schema").await?;
    let is_new = application_id == 0 && version == 0 && tables == 0;
    if !is_new && application_id != APPLICATION_ID {
        return Err(StoreError::Foreign { application_id });
    }
    let applied = usize::try_from(version).unwrap_or(usize::MAX);
    if applied > MIGRATIONS.len() {
        return Err(StoreError::Newer { version, known: MIGRATIONS.len() });
    }
    for (index, sql) in MIGRATIONS.iter().enumerate().skip(applied) {
        let mark = format!("PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {};", index + 1);
        let script = format!("BEGIN IMMEDIATE;\n{sql}\n{mark}\nCOMMIT;");
        sqlx::raw_sql(sqlx::AssertSqlSafe(script)).execute(&mut *connection).await?;
    }
    Ok(())
}

async fn pragma(connection: &mut SqliteConnection, sql: &'static str) -> Result<i64, StoreError> {
    Ok(sqlx::query(sql).fetch_one(connection).await?.try_get(0)?)
}
