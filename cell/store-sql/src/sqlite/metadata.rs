//! Configuration records, and the store's identity.

use super::database::Database;
use super::error::{damaged, store_error};
use super::keys;
use super::statements::*;
use super::writer::Failure;
use cell_store::{MetadataRecord, PutOutcome, StoreError, StoreIdentity, check};
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, SqliteConnection};
use uuid::Uuid;

pub(super) async fn open(
    database: &Database,
    shard_count: u32,
    incarnation: Uuid,
) -> Result<StoreIdentity, StoreError> {
    if shard_count > check::MAX_SHARD {
        return Err(StoreError::Unsafe(format!("{shard_count} shards are more than {}", check::MAX_SHARD)));
    }
    let mut writing = database.writer.hold().await?;
    let identity = open_once(writing.transaction()?, shard_count, incarnation).await;
    writing.finish(identity)
}

async fn open_once(
    connection: &mut SqliteConnection,
    shard_count: u32,
    incarnation: Uuid,
) -> Result<StoreIdentity, Failure> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    if let Some(identity) = identity(&mut transaction).await? {
        transaction.rollback().await?;
        return Ok(identity);
    }
    sqlx::query(PUT_IDENTITY)
        .bind(incarnation.as_bytes().to_vec())
        .bind(shard_count)
        .execute(&mut *transaction)
        .await?;
    sqlx::query(PUT_SHARDS).bind(shard_count).execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(StoreIdentity { incarnation, shard_count })
}

/// The identity that stands there, if the store has one.
pub(super) async fn identity(connection: &mut SqliteConnection) -> Result<Option<StoreIdentity>, Failure> {
    let Some(row) = sqlx::query(IDENTITY).fetch_optional(connection).await? else { return Ok(None) };
    let shard_count = u32::try_from(keys::number(&row, 1)?).map_err(|_| damaged("shard count"))?;
    Ok(Some(StoreIdentity { incarnation: keys::uuid(&row, 0)?, shard_count }))
}

pub(super) async fn list(database: &Database, kind: &str) -> Result<Vec<MetadataRecord>, StoreError> {
    let statement = sqlx::query(METADATA_LIST).bind(kind.to_owned());
    records(&statement.fetch_all(&database.readers).await.map_err(store_error)?, kind)
}

/// Listed records of a kind.
pub(super) fn records(rows: &[SqliteRow], kind: &str) -> Result<Vec<MetadataRecord>, StoreError> {
    let record = |row: &SqliteRow| {
        let id = std::str::from_utf8(keys::blob(row, 0)?).map_err(|_| damaged("record id"))?;
        Ok(MetadataRecord {
            kind: kind.to_owned(),
            id: id.to_owned(),
            version: keys::unsigned(row, 1)?,
            data: keys::blob(row, 2)?.to_vec().into(),
        })
    };
    rows.iter().map(record).collect()
}

pub(super) async fn put(database: &Database, record: &MetadataRecord) -> Result<PutOutcome, StoreError> {
    let mut writing = database.writer.hold().await?;
    let outcome = put_newer(writing.statement()?, record).await;
    writing.finish(outcome)
}

/// Two statements, each its own transaction: nobody else writes while the connection is held, and a record
/// that a second process changes in between only makes the answered version newer.
async fn put_newer(
    connection: &mut SqliteConnection,
    record: &MetadataRecord,
) -> Result<PutOutcome, Failure> {
    let statement = sqlx::query(METADATA_PUT)
        .bind(record.kind.clone())
        .bind(record.id.clone())
        .bind(keys::integer(record.version, "version")?)
        .bind(record.data.to_vec());
    if statement.execute(&mut *connection).await?.rows_affected() > 0 {
        return Ok(PutOutcome::Written);
    }
    let statement = sqlx::query(METADATA_VERSION).bind(record.kind.clone()).bind(record.id.clone());
    let stored = statement.fetch_one(&mut *connection).await?;
    Ok(PutOutcome::Stale(keys::unsigned(&stored, 0)?))
}

pub(super) async fn remove(database: &Database, kind: &str, id: &str) -> Result<(), StoreError> {
    let mut writing = database.writer.hold().await?;
    let statement = sqlx::query(METADATA_REMOVE).bind(kind.to_owned()).bind(id.to_owned());
    let removed = statement.execute(writing.statement()?).await.map(|_| ()).map_err(Failure::from);
    writing.finish(removed)
}
