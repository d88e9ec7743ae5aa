//! The suite that every engine passes.

use async_trait::async_trait;
use cell_store::conformance::{Engine, Storage};
use cell_store::{StoreError, Stores};
use cell_store_sql::{SqliteOptions, SqliteStore};
use std::sync::Arc;
use tempfile::TempDir;
use tokio::sync::Mutex;

struct Sqlite;

/// A file that outlives the stores opened on it.
struct StoredFile {
    directory: TempDir,
    running: Mutex<Option<SqliteStore>>,
}

#[async_trait]
impl Engine for Sqlite {
    fn name(&self) -> String {
        "sqlite".to_owned()
    }

    async fn fresh(&self) -> Arc<dyn Storage> {
        let directory = TempDir::new().expect("a temporary directory");
        Arc::new(StoredFile { directory, running: Mutex::new(None) })
    }
}

#[async_trait]
impl Storage for StoredFile {
    async fn start(&self) -> Result<Stores, StoreError> {
        let mut running = self.running.lock().await;
        if let Some(before) = running.take() {
            before.close().await;
        }
        let store = SqliteStore::connect(SqliteOptions::new(self.directory.path().join("cell.db"))).await?;
        Ok(running.insert(store).stores())
    }
}

cell_store::conformance_tests!(Sqlite);
