//! A database file: opened, checked, with its writer and its readers.

use super::error::refused;
use super::options::SqliteOptions;
use super::writer::Writer;
use atoll_sqlite::{Schema, file};
use cell_store::StoreError;
use sqlx::SqlitePool;
use sqlx::sqlite::SqlitePoolOptions;

/// An open database file.
pub(super) struct Database {
    pub(super) writer: Writer,
    pub(super) readers: SqlitePool,
}

impl Database {
    /// Opens the file, or makes it; refuses what it must not write.
    pub(super) async fn open(options: SqliteOptions, schema: &Schema) -> Result<Database, StoreError> {
        let opened = file::open(&options.path, options.writing(), schema, options.durability()).await;
        let connection = opened.map_err(refused)?;
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
