//! Visibility: the suite that every engine passes, and what is SQLite's own.

use cell_store_sql::{SqliteOptions, SqliteStore, SqliteVisibility, Synchronous};
use cell_visibility::VisibilityStore;
use std::sync::Arc;
use tempfile::TempDir;

fn options(directory: &TempDir, name: &str) -> SqliteOptions {
    let mut options = SqliteOptions::new(directory.path().join(name));
    options.synchronous = Synchronous::Off;
    options.allow_unsafe = true;
    options
}

async fn fresh() -> (TempDir, Arc<dyn VisibilityStore>) {
    let directory = TempDir::new().expect("a temporary directory");
    let store = SqliteVisibility::connect(options(&directory, "visibility.db")).await.expect("a store");
    (directory, Arc::new(store))
}

cell_visibility::conformance_tests!(fresh);

#[tokio::test]
async fn a_cell_database_is_no_visibility_database() {
    let directory = TempDir::new().expect("a temporary directory");
    let options = options(&directory, "cell.db");
    SqliteStore::connect(options.clone()).await.expect("a store").close().await;
    let refused = SqliteVisibility::connect(options).await.err().expect("another schema");
    assert!(refused.to_string().contains("belongs to another program"), "{refused}");
}
