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
pub(crate) struct StoredFile {
    options: SqliteOptions,
    running: Mutex<Option<SqliteStore>>,
    /// Goes with this.
    _directory: Option<TempDir>,
}

impl StoredFile {
    /// A file of the caller's.
    pub(crate) fn new(options: SqliteOptions) -> StoredFile {
        StoredFile { options, running: Mutex::new(None), _directory: None }
    }
}

#[async_trait]
impl Engine for Sqlite {
    fn name(&self) -> String {
        "sqlite".to_owned()
    }

    async fn fresh(&self) -> Arc<dyn Storage> {
        let directory = TempDir::new().expect("a temporary directory");
        let options = SqliteOptions::new(directory.path().join("cell.db"));
        Arc::new(StoredFile { _directory: Some(directory), ..StoredFile::new(options) })
    }
}

#[async_trait]
impl Storage for StoredFile {
    async fn start(&self) -> Result<Stores, StoreError> {
        let mut running = self.running.lock().await;
        if let Some(before) = running.take() {
            before.close().await;
        }
        let store = SqliteStore::connect(self.options.clone()).await?;
        Ok(running.insert(store).stores())
    }
}

cell_store::conformance_tests!(Sqlite);
