//! Schemas that grow.

use super::*;

const ADD_YEAR: &str = "ALTER TABLE books ADD COLUMN year INTEGER; CREATE TABLE shelves (id INTEGER) STRICT;";
const BROKEN: &str = "CREATE TABLE loans (id INTEGER) STRICT; DROP TABLE nowhere;";

async fn number(file: &Path, sql: &'static str) -> i64 {
    let mut connection = raw(file).await;
    let number = sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    number
}

#[tokio::test]
async fn only_what_is_missing_is_applied() {
    const SECOND: Schema = Schema { migrations: &[BOOKS.migrations[0], ADD_YEAR], ..BOOKS };
    let folder = Folder::new();
    let first = open(&folder.file()).await;
    add_author(&first, "Ada").await;
    first.close().await;
    let second = Database::open(&folder.file(), &SECOND).await.unwrap();
    assert_eq!(authors(&second).await, ["Ada"]);
    second.close().await;
    assert_eq!(number(&folder.file(), "PRAGMA user_version").await, 2);
    let refused = Database::open(&folder.file(), &BOOKS).await.unwrap_err().to_string();
    assert!(refused.ends_with("has schema version 2, this version knows 1"), "{refused}");
}

#[tokio::test]
async fn one_that_fails_half_way_leaves_the_old_state() {
    const THIRD: Schema = Schema { migrations: &[BOOKS.migrations[0], ADD_YEAR, BROKEN], ..BOOKS };
    let folder = Folder::new();
    let first = open(&folder.file()).await;
    add_author(&first, "Ada").await;
    first.close().await;
    let before = folder.contents();

    let failed = Database::open(&folder.file(), &THIRD).await.unwrap_err().to_string();
    assert!(failed.contains("cannot be brought to schema version 3"), "{failed}");
    assert!(failed.contains("nowhere"), "{failed}");
    assert_eq!(folder.contents(), before);
    assert_eq!(authors(&open(&folder.file()).await).await, ["Ada"]);
}

#[tokio::test]
async fn one_that_fails_in_a_new_file_leaves_none() {
    const BROKEN_FROM_THE_START: Schema = Schema { migrations: &[BROKEN], ..BOOKS };
    let folder = Folder::new();
    Database::open(&folder.file(), &BROKEN_FROM_THE_START).await.unwrap_err();
    assert!(folder.contents().is_empty());
    // Nor is one that was empty taken for anything.
    std::fs::write(folder.file(), b"").unwrap();
    Database::open(&folder.file(), &BROKEN_FROM_THE_START).await.unwrap_err();
    assert_eq!(number(&folder.file(), "SELECT count(*) FROM sqlite_schema").await, 0);
    assert!(authors(&open(&folder.file()).await).await.is_empty());
}
