//! What is refused before anything is written.

use cell_store::{ShardStore, StoreError};
use cell_store_sql::{SqliteOptions, SqliteStore, Synchronous};
use sqlx::{ConnectOptions, Connection, sqlite::SqliteConnectOptions};
use std::path::Path;
use tempfile::TempDir;
use uuid::Uuid;

async fn refused(options: SqliteOptions) -> String {
    match SqliteStore::connect(options).await {
        Err(StoreError::Unsafe(why)) => why,
        Err(other) => panic!("refused for another reason: {other}"),
        Ok(_) => panic!("the store was opened"),
    }
}

async fn run_sql(path: &Path, sql: &'static str) {
    let mut connection = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .connect()
        .await
        .expect("a database");
    sqlx::raw_sql(sql).execute(&mut connection).await.expect("the statement runs");
    connection.close().await.expect("it closes");
}

/// What stands beside and in the file, so that nothing can have been written unseen.
fn contents(directory: &TempDir) -> Vec<(std::ffi::OsString, Vec<u8>)> {
    let entries = std::fs::read_dir(directory.path()).expect("the directory");
    let mut contents: Vec<_> = entries
        .map(|entry| entry.expect("an entry"))
        .map(|entry| (entry.file_name(), std::fs::read(entry.path()).expect("its bytes")))
        .collect();
    contents.sort();
    contents
}

#[tokio::test]
async fn commits_that_are_not_synced() {
    let directory = TempDir::new().expect("a temporary directory");
    let mut options = SqliteOptions::new(directory.path().join("cell.db"));
    options.synchronous = Synchronous::Off;
    assert!(refused(options.clone()).await.contains("synchronous"));
    options.allow_unsafe = true;
    let store = SqliteStore::connect(options).await.expect("a test that says so");
    store.open(1, Uuid::nil()).await.expect("open");
}

#[tokio::test]
async fn a_database_without_a_write_ahead_log() {
    assert!(refused(SqliteOptions::new(":memory:")).await.contains("journal_mode is memory"));
}

#[tokio::test]
async fn a_file_that_is_no_database() {
    let directory = TempDir::new().expect("a temporary directory");
    let path = directory.path().join("cell.db");
    for foreign in ["short".to_owned(), "a letter to someone\n".repeat(500)] {
        std::fs::write(&path, foreign).expect("a file");
        let before = contents(&directory);
        assert!(refused(SqliteOptions::new(&path)).await.contains("no SQLite database"));
        assert_eq!(contents(&directory), before);
    }
}

#[tokio::test]
async fn a_database_of_another_program() {
    let directory = TempDir::new().expect("a temporary directory");
    let path = directory.path().join("cell.db");
    run_sql(&path, "CREATE TABLE recipe (name TEXT)").await;
    let before = contents(&directory);
    assert!(refused(SqliteOptions::new(&path)).await.contains("belongs to another program"));
    assert_eq!(contents(&directory), before);
}

#[tokio::test]
async fn a_database_of_a_newer_version() {
    let directory = TempDir::new().expect("a temporary directory");
    let path = directory.path().join("cell.db");
    SqliteStore::connect(SqliteOptions::new(&path)).await.expect("a new store").close().await;
    run_sql(&path, "PRAGMA user_version = 99").await;
    let before = contents(&directory);
    assert!(refused(SqliteOptions::new(&path)).await.contains("schema version 99"));
    assert_eq!(contents(&directory), before);
}

#[tokio::test]
async fn a_newer_version_that_stands_in_the_write_ahead_log_only() {
    let directory = TempDir::new().expect("a temporary directory");
    let path = directory.path().join("cell.db");
    let store = SqliteStore::connect(SqliteOptions::new(&path)).await.expect("a new store");
    store.open(1, Uuid::nil()).await.expect("open");
    run_sql(&path, "PRAGMA user_version = 98").await;
    assert!(refused(SqliteOptions::new(&path)).await.contains("schema version 98"));
    store.close().await;
}

#[tokio::test]
async fn an_empty_file_becomes_a_store() {
    let directory = TempDir::new().expect("a temporary directory");
    let path = directory.path().join("cell.db");
    std::fs::write(&path, b"").expect("a file");
    let store = SqliteStore::connect(SqliteOptions::new(&path)).await.expect("a store");
    assert_eq!(store.open(3, Uuid::nil()).await.expect("open").shard_count, 3);
}

#[tokio::test]
async fn a_closed_store_answers_unavailable() {
    let directory = TempDir::new().expect("a temporary directory");
    let store =
        SqliteStore::connect(SqliteOptions::new(directory.path().join("cell.db"))).await.expect("a store");
    store.close().await;
    let refused = store.open(1, Uuid::nil()).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
}
