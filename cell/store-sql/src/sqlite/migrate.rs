//! Schemas, their versions, and the way from an older one.

use super::error::store_error;
use cell_store::StoreError;
use sqlx::{Connection, Row, SqliteConnection};

/// One step of a schema; its version is its place in the list, from 1.
pub(super) struct Migration {
    pub(super) name: &'static str,
    pub(super) sql: &'static str,
}

/// A kind of database file of ours.
pub(super) struct Schema {
    /// What it holds, for messages.
    pub(super) what: &'static str,
    /// Stands in the file's header, so that it is recognised.
    pub(super) application_id: i32,
    pub(super) migrations: &'static [Migration],
}

/// Logs, snapshots and configuration of a cell.
pub(super) const CELL: Schema = Schema {
    what: "cell",
    application_id: i32::from_be_bytes(*b"Atol"),
    migrations: &[Migration { name: "cell", sql: include_str!("schema/0001_cell.sql") }],
};

/// Visibility records of a cell.
pub(super) const VISIBILITY: Schema = Schema {
    what: "visibility",
    application_id: i32::from_be_bytes(*b"Atov"),
    migrations: &[Migration { name: "visibility", sql: include_str!("schema/0001_visibility.sql") }],
};

impl Schema {
    /// The newest version, which this program writes.
    pub(super) fn version(&self) -> i32 {
        self.migrations.len() as i32
    }

    /// Whether this program may write a database with these numbers; else why not.
    pub(super) fn accept(&self, application_id: i32, version: i32) -> Result<(), String> {
        if application_id != self.application_id {
            return Err(format!("is not a {} database of Atoll", self.what));
        }
        if version > self.version() {
            return Err(format!(
                "has format {version} of a newer version of Atoll; this one reads up to {}",
                self.version()
            ));
        }
        Ok(())
    }

    /// Brings a database to the newest version, in one transaction. `new` says that nothing is in it.
    pub(super) async fn migrate(
        &self,
        connection: &mut SqliteConnection,
        new: bool,
    ) -> Result<(), StoreError> {
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(store_error)?;
        let application_id = pragma(&mut transaction, "PRAGMA application_id").await?;
        let version = pragma(&mut transaction, "PRAGMA user_version").await?;
        let empty = new && application_id == 0 && version == 0 && tables(&mut transaction).await? == 0;
        if !empty {
            self.accept(application_id, version)
                .map_err(|why| StoreError::Unsafe(format!("the file {why}")))?;
        }
        for (migration, number) in self.migrations.iter().zip(1..).skip(version as usize) {
            sqlx::raw_sql(migration.sql).execute(&mut *transaction).await.map_err(store_error)?;
            sqlx::query(include_str!("sql/migrated.sql"))
                .bind(number)
                .bind(migration.name)
                .execute(&mut *transaction)
                .await
                .map_err(store_error)?;
        }
        if version < self.version() {
            let numbers = format!(
                "PRAGMA application_id = {}; PRAGMA user_version = {}",
                self.application_id,
                self.version()
            );
            sqlx::raw_sql(sqlx::AssertSqlSafe(numbers))
                .execute(&mut *transaction)
                .await
                .map_err(store_error)?;
        }
        transaction.commit().await.map_err(store_error)
    }
}

/// An integer setting or header field.
pub(super) async fn pragma(connection: &mut SqliteConnection, sql: &'static str) -> Result<i32, StoreError> {
    let row = sqlx::query(sql).fetch_one(connection).await.map_err(store_error)?;
    row.try_get(0).map_err(store_error)
}

async fn tables(connection: &mut SqliteConnection) -> Result<i32, StoreError> {
    pragma(connection, "SELECT count(*) FROM sqlite_schema").await
}
