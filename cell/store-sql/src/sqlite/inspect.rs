//! A look at a file before it is opened for writing.

use super::checkpoint::found;
use super::error::{damaged, store_error};
use super::header::{self, Found};
use super::keys;
use super::migrate::{CELL, Schema, pragma};
use super::options::SqliteOptions;
use super::read;
use super::statements::{IDENTITY, STANDING_SHARDS};
use cell_store::{Inspector, ShardId, StoreError, check};
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use std::path::{Path, PathBuf};

/// Refuses a file that [`super::database::Database::open`] would refuse. Answers a connection that can only read, or none
/// where there is no database yet.
///
/// Neither the file nor its write-ahead log is written. A log that a crash left is read through SQLite's index of it
/// (`-shm`), which is made or rebuilt where it has to be, and holds nothing of its own.
pub(super) async fn look(
    options: &SqliteOptions,
    schema: &Schema,
) -> Result<Option<SqliteConnection>, StoreError> {
    if header::check(&options.path, schema)? == Found::Nothing {
        return Ok(None);
    }
    // SQLite keeps its files beside the one that a link leads to.
    let path = options.path.canonicalize().map_err(|error| StoreError::Unavailable(error.to_string()))?;
    if beside(&path, "-journal").exists() {
        // A first start that did not commit: it will be rolled back to nothing.
        return Ok(None);
    }
    let has_log = beside(&path, "-wal").exists();
    let mut connection = options.looking(!has_log).connect().await.map_err(store_error)?;
    let application_id = pragma(&mut connection, "PRAGMA application_id").await?;
    let version = pragma(&mut connection, "PRAGMA user_version").await?;
    schema
        .accept(application_id, version)
        .map_err(|why| StoreError::Unsafe(format!("{}: {why}", options.path.display())))?;
    Ok(Some(connection))
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Looks at a cell's database and shows each of its shards, with the epoch it has; one after the other, so that no more than
/// one tail, and no more than one of its segments, is in memory.
pub(super) async fn cell(options: &SqliteOptions, inspector: &mut dyn Inspector) -> Result<(), StoreError> {
    let Some(mut connection) = look(options, &CELL).await? else { return Ok(()) };
    let looked = shards(&mut connection, inspector).await;
    connection.close().await.map_err(store_error)?;
    looked
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
        for wanted in inspector.shard(found)? {
            let segment = read::segments(&mut transaction, std::slice::from_ref(&wanted)).await?;
            inspector.segment(segment.into_iter().next().flatten())?;
        }
    }
    match rows.len() as u64 {
        found if found < count => Err(check::no_such_shard(ShardId(found as u32))),
        _ => Ok(()),
    }
}
