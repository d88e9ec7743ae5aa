use sqlx::{Executor, SqlSafeStr};
use tempfile::TempDir;

use super::*;

#[tokio::test]
async fn every_statement_is_valid_for_the_schema() {
    let folder = TempDir::new().unwrap();
    let store = SqliteStore::open(&folder.path().join("db.sqlite")).await.unwrap();
    let mut connection = store.0.read().await.unwrap();
    for statement in Statement::ALL {
        let prepared = connection.prepare(statement.sqlite().into_sql_str()).await;
        assert!(prepared.is_ok(), "{statement:?}: {:?}", prepared.err());
    }
}

#[tokio::test]
async fn a_second_process_is_refused_and_so_is_a_foreign_file() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("db.sqlite");
    let store = SqliteStore::open(&file).await.unwrap();
    assert!(matches!(SqliteStore::open(&file).await, Err(DatabaseError::File(_))));
    store.close().await;
    SqliteStore::inspect(&file).await.unwrap();
    std::fs::write(&file, "hello").unwrap();
    assert!(SqliteStore::inspect(&file).await.is_err());
}
