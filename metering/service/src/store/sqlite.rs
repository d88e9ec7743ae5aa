//! The SQLite engine: a file that one process has, and one transaction that writes at a time. A shard is held by being
//! that one.

mod rows;
mod shard;
mod snapshot;
mod statements;

use std::path::Path;

use async_trait::async_trait;
use atoll_sqlite::{Database, Schema};
use uuid::Uuid;

use super::engine::{Engine, HeldShard, Snapshot};
use super::{OpenError, StoreError, columns};
use crate::completeness::Manifest;
use crate::decision::Decision;
use crate::lineage::Origin;

/// Metering's file.
const SCHEMA: Schema = Schema {
    name: "metering",
    mark: *b"ATME",
    migrations: &[
        include_str!("sqlite/migrations/0001_cube.sql"),
        include_str!("sqlite/migrations/0002_objects.sql"),
        include_str!("sqlite/migrations/0003_accounts.sql"),
        include_str!("sqlite/migrations/0004_corrections.sql"),
        include_str!("sqlite/migrations/0005_decisions.sql"),
        include_str!("sqlite/migrations/0006_lineage.sql"),
        include_str!("sqlite/migrations/0007_owners.sql"),
    ],
};

/// An open file.
pub(super) struct SqliteEngine {
    database: Database,
}

impl SqliteEngine {
    /// Refuses a file that [`open`](Self::open) would refuse, and changes nothing. That there is none is fine.
    pub(super) async fn inspect(path: &Path) -> Result<(), OpenError> {
        Ok(Database::inspect(path, &SCHEMA).await?)
    }

    /// Opens the file, making and migrating it as needed. Errors when another process uses it and when it is foreign,
    /// newer or would not be durable; then nothing has been written.
    pub(super) async fn open(path: &Path) -> Result<Self, OpenError> {
        Ok(Self { database: Database::open(path, &SCHEMA).await? })
    }
}

#[async_trait]
impl Engine for SqliteEngine {
    async fn hold<'a>(&'a self, origin: &'a Origin) -> Result<Box<dyn HeldShard + 'a>, StoreError> {
        Ok(Box::new(shard::hold(self.database.write().await?, origin).await?))
    }

    async fn snapshot(&self) -> Result<Box<dyn Snapshot + '_>, StoreError> {
        Ok(Box::new(snapshot::Moment::new(self.database.snapshot().await?)))
    }

    async fn insert_manifest(&self, manifest: &Manifest) -> Result<(), StoreError> {
        let mut transaction = self.database.write().await?;
        sqlx::query(statements::INSERT_MANIFEST)
            .bind(&manifest.cell_id)
            .bind(manifest.incarnation.as_bytes().as_slice())
            .bind(i64::from(manifest.shard_count))
            .bind(manifest.first_hour_ms)
            .bind(&manifest.region)
            .bind(
                manifest
                    .restored
                    .as_ref()
                    .map_or(Uuid::nil(), |restored| restored.replaces)
                    .as_bytes()
                    .as_slice(),
            )
            .bind(columns::first_rows(manifest))
            .bind(manifest.restored.as_ref().map_or(0, |restored| restored.at_ms))
            .execute(&mut *transaction)
            .await?;
        Ok(transaction.commit().await?)
    }

    async fn decide(&self, decision: &Decision) -> Result<Decision, StoreError> {
        let mut transaction = self.database.write().await?;
        let stands = shard::decide(&mut transaction, decision).await?;
        transaction.commit().await?;
        Ok(stands)
    }

    async fn lost(&self) -> OpenError {
        self.database.lost().await.into()
    }

    async fn close(&self) {
        self.database.close().await;
    }
}

#[cfg(test)]
mod tests;
