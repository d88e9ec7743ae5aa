//! A look at a file before it is opened for writing.

use super::checkpoint::found;
use super::error::{damaged, refused, store_error};
use super::keys;
use super::metadata;
use super::schema::CELL;
use super::statements::{IDENTITY, METADATA_LIST, STANDING_SHARDS};
use atoll_sqlite::{Schema, file};
use cell_store::{Incarnations, Inspector, ShardId, StoreError, StoreIdentity, check};
use sqlx::{Connection, SqliteConnection};
use std::path::Path;

/// Looks at a cell's database and shows each of its shards, with the epoch it has; one after the other, so that no more
/// than one tail is in memory.
pub(super) async fn cell(path: &Path, inspector: &mut dyn Inspector) -> Result<(), StoreError> {
    let found = file::look(path, &CELL).await.map_err(refused)?;
    let Some(mut connection) = found else { return Ok(()) };
    let looked = shards(&mut connection, inspector).await;
    connection.close().await.map_err(store_error)?;
    looked
}

/// The identity of a cell's database that nobody uses, with the incarnations of its log; none where it has none yet.
pub(super) async fn identity(path: &Path) -> Result<Option<(StoreIdentity, Incarnations)>, StoreError> {
    let found = file::look(path, &CELL).await.map_err(refused)?;
    let Some(mut connection) = found else { return Ok(None) };
    let read = read_identity(&mut connection).await;
    connection.close().await.map_err(store_error)?;
    read
}

async fn read_identity(
    connection: &mut SqliteConnection,
) -> Result<Option<(StoreIdentity, Incarnations)>, StoreError> {
    let mut transaction = connection.begin().await.map_err(store_error)?;
    let Some(identity) = metadata::identity(&mut transaction).await.map_err(StoreError::from)? else {
        return Ok(None);
    };
    let rows = sqlx::query(METADATA_LIST).bind(Incarnations::KIND).fetch_all(&mut *transaction).await;
    let records = metadata::records(&rows.map_err(store_error)?, Incarnations::KIND)?;
    Ok(Some((identity, Incarnations::of(identity, records)?)))
}

/// Looks at a database of which only its header matters.
pub(super) async fn header(path: &Path, schema: &Schema) -> Result<(), StoreError> {
    match file::look(path, schema).await.map_err(refused)? {
        Some(connection) => connection.close().await.map_err(store_error),
        None => Ok(()),
    }
}

async fn shards(connection: &mut SqliteConnection, inspector: &mut dyn Inspector) -> Result<(), StoreError> {
    let mut transaction = connection.begin().await.map_err(store_error)?;
    let identity = sqlx::query(IDENTITY).fetch_optional(&mut *transaction).await.map_err(store_error)?;
    let Some(identity) = identity else { return Ok(()) };
    let count = keys::unsigned(&identity, 1)?;
    let rows = sqlx::query(STANDING_SHARDS).fetch_all(&mut *transaction).await.map_err(store_error)?;
    for (number, row) in (0..).zip(&rows) {
        if keys::unsigned(row, 3)? != number {
            return Err(damaged("shard number"));
        }
        let shard = u32::try_from(number).map_err(|_| damaged("shard number"))?;
        let found = found(&mut transaction, ShardId(shard), row).await.map_err(StoreError::from)?;
        inspector.shard(found)?;
    }
    match rows.len() as u64 {
        found if found < count => Err(check::no_such_shard(ShardId(found as u32))),
        _ => Ok(()),
    }
}
