//! Copies of a database that somebody has open and writes to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use atoll_sqlite::{CopyError, Refusal, copy};

use super::*;

const AMPLE: u64 = 1 << 30;

/// Many rows, so that a copy takes a while.
const FILL: &str = "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 300000)
     INSERT INTO authors SELECT printf('author %08d', n) FROM n";

async fn fill(database: &Database) {
    let mut transaction = database.write().await.expect("a transaction");
    sqlx::query(FILL).execute(&mut *transaction).await.expect("rows");
    transaction.commit().await.expect("the commit");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_is_of_one_moment_and_nobody_waits_for_it() {
    let folder = Folder::new();
    let database = open(&folder.file()).await;
    fill(&database).await;
    let stop = Arc::new(AtomicBool::new(false));
    let (writing, stopped) = (database.clone(), Arc::clone(&stop));
    // Each commit has both rows.
    let writer = tokio::spawn(async move {
        let mut written = 0;
        while !stopped.load(Ordering::Relaxed) {
            let mut transaction = writing.write().await.expect("a transaction");
            for table in ["INSERT INTO authors VALUES (?)", "INSERT INTO books VALUES ('title', ?)"] {
                let insert = sqlx::query(table).bind(format!("writer {written}"));
                insert.execute(&mut *transaction).await.expect("a row");
            }
            transaction.commit().await.expect("the commit");
            written += 1;
        }
        written
    });
    let copied = folder.0.path().join("copy.db");
    copy(&folder.file(), &copied, &BOOKS, AMPLE).await.expect("copied");
    stop.store(true, Ordering::Relaxed);
    assert!(writer.await.expect("no panic") > 0, "it went on meanwhile");
    let copied = open(&copied).await;
    let mut connection = copied.read().await.expect("a connection");
    let count = |sql: &'static str| sqlx::query_scalar::<_, i64>(sql);
    let filled = count("SELECT count(*) FROM authors WHERE name LIKE 'author %'");
    assert_eq!(filled.fetch_one(&mut *connection).await.expect("a count"), 300_000);
    let torn = count(
        "SELECT (SELECT count(*) FROM authors WHERE name LIKE 'writer %') - (SELECT count(*) FROM books)",
    );
    assert_eq!(torn.fetch_one(&mut *connection).await.expect("a count"), 0);
    drop(connection);
    copied.close().await;
    database.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_is_given_up_where_too_much_is_written_meanwhile() {
    let folder = Folder::new();
    let database = open(&folder.file()).await;
    fill(&database).await;
    let stop = Arc::new(AtomicBool::new(false));
    let (writing, stopped) = (database.clone(), Arc::clone(&stop));
    let writer = tokio::spawn(async move {
        while !stopped.load(Ordering::Relaxed) {
            let mut transaction = writing.write().await.expect("a transaction");
            let insert = sqlx::query("INSERT INTO authors VALUES (hex(randomblob(500000)))");
            insert.execute(&mut *transaction).await.expect("a row");
            transaction.commit().await.expect("the commit");
        }
    });
    let copied = folder.0.path().join("copy.db");
    // The first may find a log that was long before, in which there is room.
    let refused = loop {
        match copy(&folder.file(), &copied, &BOOKS, 100_000).await {
            Err(refused) => break refused,
            Ok(()) => std::fs::remove_file(&copied).expect("removed"),
        }
    };
    assert!(matches!(refused, CopyError::GrewTooMuch { most: 100_000 }), "{refused}");
    stop.store(true, Ordering::Relaxed);
    writer.await.expect("no panic");
    database.close().await;
}

#[tokio::test]
async fn only_a_database_of_the_kind_is_copied() {
    let folder = Folder::new();
    let copied = folder.0.path().join("copy.db");
    let refused = async || copy(&folder.file(), &copied, &BOOKS, AMPLE).await.expect_err("refused");
    assert!(matches!(refused().await, CopyError::Refused(Refusal::Unreadable(_))));
    run_raw(&folder.file(), "CREATE TABLE foreigners (name TEXT)").await;
    assert!(matches!(refused().await, CopyError::Refused(Refusal::Foreign { .. })));
    assert!(!copied.exists());
}
