//! A database file: opened, checked, with its writer and its readers.

use super::error::store_error;
use super::header::{self, Found};
use super::migrate::{Schema, pragma};
use super::options::SqliteOptions;
use super::writer::Writer;
use cell_store::StoreError;
use sqlx::sqlite::SqlitePoolOptions;
use sqlx::{ConnectOptions, Connection, Row, SqliteConnection, SqlitePool};
use std::path::Path;

/// `PRAGMA synchronous` when every commit is synced.
const FULL: i32 = 2;

/// An open database file.
pub(super) struct Database {
    pub(super) writer: Writer,
    pub(super) readers: SqlitePool,
}

impl Database {
    /// Opens the file, or makes it; refuses what it must not write.
    pub(super) async fn open(options: SqliteOptions, schema: &Schema) -> Result<Database, StoreError> {
        let found = header::check(&options.path, schema)?;
        let mut connection = options.writing(true).connect().await.map_err(store_error)?;
        let prepared = prepare(&mut connection, &options, schema, found == Found::Nothing).await;
        if let Err(error) = prepared {
            let _ = connection.close().await;
            return Err(error);
        }
        if found == Found::Nothing {
            sync_directory(&options.path)?;
        }
        let readers = SqlitePoolOptions::new()
            .max_connections(options.readers.max(1))
            .test_before_acquire(false)
            .connect_lazy_with(options.reading());
        Ok(Database { writer: Writer::new(connection, options), readers })
    }

    /// Lets what runs finish and closes the file.
    pub(super) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

async fn prepare(
    connection: &mut SqliteConnection,
    options: &SqliteOptions,
    schema: &Schema,
    new: bool,
) -> Result<(), StoreError> {
    // A new file becomes a whole database in one transaction of the rollback journal; only then does it
    // get a write-ahead log: so its header names it from the first moment on.
    assert_synced(connection, options).await?;
    schema.migrate(connection, new).await?;
    let row =
        sqlx::query("PRAGMA journal_mode = WAL").fetch_one(&mut *connection).await.map_err(store_error)?;
    let mode: String = row.try_get(0).map_err(store_error)?;
    if mode != "wal" && !options.allow_unsafe {
        return Err(StoreError::Unsafe(format!("journal mode is {mode}, not wal")));
    }
    Ok(())
}

/// Refuses a connection whose commits would not survive the loss of power.
pub(super) async fn assert_synced(
    connection: &mut SqliteConnection,
    options: &SqliteOptions,
) -> Result<(), StoreError> {
    let synchronous = pragma(connection, "PRAGMA synchronous").await?;
    if synchronous < FULL && !options.allow_unsafe {
        return Err(StoreError::Unsafe(format!(
            "synchronous is {synchronous}, below FULL: commits could be lost with the power"
        )));
    }
    Ok(())
}

/// Makes the new file's name durable.
fn sync_directory(path: &Path) -> Result<(), StoreError> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let synced = std::fs::File::open(parent).and_then(|directory| directory.sync_all());
    synced.map_err(|error| StoreError::Unavailable(format!("{}: {error}", parent.display())))
}
