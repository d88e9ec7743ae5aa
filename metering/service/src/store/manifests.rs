//! Manifests and shards: what hours must contain, and how far each shard is in.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use uuid::Uuid;

use super::columns::{unsigned, uuid};
use super::{Store, StoreError, statements};
use crate::completeness::{Manifest, ShardProgress};

impl Store {
    /// Keeps a manifest. One that is known changes nothing.
    pub(crate) async fn insert_manifest(&self, manifest: &Manifest) -> Result<(), StoreError> {
        let mut transaction = self.database.write().await?;
        sqlx::query(statements::INSERT_MANIFEST)
            .bind(&manifest.cell_id)
            .bind(manifest.incarnation.as_bytes().as_slice())
            .bind(i64::from(manifest.shard_count))
            .bind(manifest.first_hour_ms)
            .bind(&manifest.region)
            .execute(&mut *transaction)
            .await?;
        Ok(transaction.commit().await?)
    }
}

/// Every manifest, by cell and first hour.
pub(super) async fn manifests(connection: &mut SqliteConnection) -> Result<Vec<Manifest>, StoreError> {
    let rows = sqlx::query(statements::SELECT_MANIFESTS).fetch_all(connection).await?;
    rows.iter()
        .map(|row| {
            Ok(Manifest {
                cell_id: row.try_get("cell_id")?,
                incarnation: uuid(row, "incarnation")?,
                shard_count: unsigned(row, "shard_count")?,
                first_hour_ms: row.try_get("first_hour_ms")?,
                region: row.try_get("region")?,
            })
        })
        .collect()
}

/// Every shard that an object was taken in of.
pub(super) async fn shards(connection: &mut SqliteConnection) -> Result<Vec<ShardProgress>, StoreError> {
    let rows = sqlx::query(statements::SELECT_SHARDS).fetch_all(connection).await?;
    rows.iter().map(progress).collect()
}

/// One shard; none before its first object.
pub(super) async fn shard(
    connection: &mut SqliteConnection,
    cell_id: &str,
    incarnation: Uuid,
    shard: u32,
) -> Result<Option<ShardProgress>, StoreError> {
    let row = sqlx::query(statements::SELECT_SHARD)
        .bind(cell_id)
        .bind(incarnation.as_bytes().as_slice())
        .bind(i64::from(shard))
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(progress).transpose()
}

fn progress(row: &SqliteRow) -> Result<ShardProgress, StoreError> {
    Ok(ShardProgress {
        shard_id: row.try_get("shard_id")?,
        cell_id: row.try_get("cell_id")?,
        incarnation: uuid(row, "incarnation")?,
        shard: unsigned(row, "shard")?,
        watermark: unsigned(row, "watermark")?,
        sealed_until_ms: row.try_get("sealed_until_ms")?,
        written_at_ms: row.try_get("written_at_ms")?,
    })
}
