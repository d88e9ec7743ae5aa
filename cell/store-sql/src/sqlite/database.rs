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
    /// A reader apart, for reads that answers wait for and that take microseconds: no slow page of a history is in
    /// their way.
    pub(super) quick_reader: SqlitePool,
}

impl Database {
    /// Opens the file, or makes it; refuses what it must not write.
    pub(super) async fn open(options: SqliteOptions, schema: &Schema) -> Result<Database, StoreError> {
        let opened = file::open(&options.path, options.writing(), schema, options.durability()).await;
        let connection = opened.map_err(refused)?;
        let pool = |connections| {
            SqlitePoolOptions::new()
                .max_connections(connections)
                .test_before_acquire(false)
                .connect_lazy_with(options.reading())
        };
        let (readers, quick_reader) = (pool(options.readers.max(1)), pool(1));
        Ok(Database { writer: Writer::new(connection, options), readers, quick_reader })
    }

    /// Lets what runs finish and closes the file.
    pub(super) async fn close(&self) {
        self.readers.close().await;
        self.quick_reader.close().await;
        self.writer.close().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::{read, schema::CELL};
    use cell_store::ShardId;
    use std::time::Duration;

    #[tokio::test]
    async fn ownership_is_confirmed_while_every_reader_is_busy() {
        let directory = tempfile::TempDir::new().expect("a temporary directory");
        let options = SqliteOptions::new(directory.path().join("cell.db"));
        let database = Database::open(options.clone(), &CELL).await.expect("a database");
        let mut busy = Vec::new();
        for _ in 0..options.readers {
            busy.push(database.readers.acquire().await.expect("a reader"));
        }
        let confirmed = read::epochs(&database, &[ShardId(9)]);
        let answer =
            tokio::time::timeout(Duration::from_secs(20), confirmed).await.expect("it does not wait");
        answer.expect_err("no such shard");
    }
}
