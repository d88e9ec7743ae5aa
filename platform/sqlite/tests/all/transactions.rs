//! What its connections do.

use super::*;

#[tokio::test]
async fn what_is_dropped_without_commit_is_not_there() {
    let folder = Folder::new();
    let database = open(&folder.file()).await;
    let mut dropped = database.write().await.unwrap();
    sqlx::query("INSERT INTO authors VALUES ('Eve')").execute(&mut *dropped).await.unwrap();
    drop(dropped);
    add_author(&database, "Ada").await;
    assert_eq!(authors(&database).await, ["Ada"]);
}

#[tokio::test]
async fn readers_cannot_write() {
    let folder = Folder::new();
    let database = open(&folder.file()).await;
    let mut reader = database.read().await.unwrap();
    let insert = "INSERT INTO authors VALUES ('Eve')";
    let error = sqlx::query(insert).execute(&mut *reader).await.unwrap_err().to_string();
    assert!(error.contains("readonly"), "{error}");
    let mut snapshot = database.snapshot().await.unwrap();
    let error = sqlx::query(insert).execute(&mut *snapshot).await.unwrap_err().to_string();
    assert!(error.contains("readonly"), "{error}");
}

#[tokio::test]
async fn a_snapshot_stays_at_its_moment() {
    const COUNT: &str = "SELECT count(*) FROM authors";
    let folder = Folder::new();
    let database = open(&folder.file()).await;
    let mut snapshot = database.snapshot().await.unwrap();
    assert_eq!(sqlx::query_scalar::<_, i64>(COUNT).fetch_one(&mut *snapshot).await.unwrap(), 0);
    add_author(&database, "Ada").await;
    assert_eq!(sqlx::query_scalar::<_, i64>(COUNT).fetch_one(&mut *snapshot).await.unwrap(), 0);
    assert_eq!(authors(&database).await, ["Ada"]);
}

#[tokio::test]
async fn references_are_checked() {
    let folder = Folder::new();
    let database = open(&folder.file()).await;
    let mut transaction = database.write().await.unwrap();
    let insert = sqlx::query("INSERT INTO books VALUES ('Notes', 'nobody')");
    let error = insert.execute(&mut *transaction).await.unwrap_err().to_string();
    assert!(error.contains("FOREIGN KEY"), "{error}");
}

/// A full disk makes SQLite roll back by itself. Once there is room again, so is the database.
#[tokio::test]
async fn a_full_disk_passes() {
    let folder = Folder::new();
    let database = open(&folder.file()).await;
    add_author(&database, "Ada").await;
    let mut transaction = database.write().await.unwrap();
    // Of this connection: there is room for the others.
    sqlx::raw_sql("PRAGMA max_page_count = 1").execute(&mut *transaction).await.unwrap();
    let insert = "INSERT INTO authors VALUES (hex(zeroblob(100000)))";
    let error = sqlx::query(insert).execute(&mut *transaction).await.unwrap_err();
    assert!(error.to_string().contains("full"), "{error}");
    drop(transaction);
    add_author(&database, "Eve").await;
    assert_eq!(authors(&database).await, ["Ada", "Eve"]);
}
