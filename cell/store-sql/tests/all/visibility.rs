//! Visibility: the suite that every engine passes, and what is SQLite's own.

use cell_store_sql::{SqliteOptions, SqliteStore, SqliteVisibility, Synchronous};
use cell_visibility::{VisibilityStore, conformance};
use std::sync::Arc;
use tempfile::TempDir;

fn options(directory: &TempDir, name: &str) -> SqliteOptions {
    let mut options = SqliteOptions::new(directory.path().join(name));
    options.synchronous = Synchronous::Off;
    options.allow_unsafe = true;
    options
}

#[tokio::test]
async fn conforms() {
    let directory = TempDir::new().expect("a temporary directory");
    let mut stores = 0;
    conformance::run("sqlite", || {
        stores += 1;
        let options = options(&directory, &format!("{stores}.db"));
        async {
            Arc::new(SqliteVisibility::connect(options).await.expect("a store")) as Arc<dyn VisibilityStore>
        }
    })
    .await;
}

#[tokio::test]
async fn a_cell_database_is_no_visibility_database() {
    let directory = TempDir::new().expect("a temporary directory");
    let options = options(&directory, "cell.db");
    SqliteStore::connect(options.clone()).await.expect("a store").close().await;
    let refused = SqliteVisibility::connect(options).await.err().expect("another schema");
    assert!(refused.to_string().contains("belongs to another program"), "{refused}");
}
