//! Files that are taken.

use super::*;

#[tokio::test]
async fn a_new_file_becomes_a_database_that_stays() {
    let folder = Folder::new();
    let database = open(&folder.file()).await;
    add_author(&database, "Ada").await;
    database.close().await;
    let closed = folder.contents();
    assert_eq!(closed.len(), 1, "a closed database is one file");

    let database = open(&folder.file()).await;
    assert_eq!(authors(&database).await, ["Ada"]);
    database.close().await;
    assert_eq!(folder.contents(), closed, "opening again changes nothing");
}

#[tokio::test]
async fn a_look_makes_nothing() {
    let folder = Folder::new();
    Database::inspect(&folder.file(), &BOOKS).await.unwrap();
    assert!(folder.contents().is_empty());
    open(&folder.file()).await.close().await;
    let before = folder.contents();
    Database::inspect(&folder.file(), &BOOKS).await.unwrap();
    assert_eq!(folder.contents(), before);
}

#[tokio::test]
async fn an_empty_file_becomes_a_database() {
    let folder = Folder::new();
    std::fs::write(folder.file(), b"").unwrap();
    assert!(authors(&open(&folder.file()).await).await.is_empty());
}

#[tokio::test]
async fn what_was_committed_survives_a_kill() {
    let folder = Folder::new();
    let database = open(&folder.file()).await;
    add_author(&database, "Ada").await;
    let killed = folder.as_after_a_kill();
    Database::inspect(&killed.file(), &BOOKS).await.expect("a log is no reason to refuse");
    assert_eq!(authors(&open(&killed.file()).await).await, ["Ada"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_may_open_a_new_file_at_once() {
    for _ in 0..10 {
        let folder = Folder::new();
        let opening: Vec<_> = (0..8)
            .map(|number| {
                let file = folder.file();
                tokio::spawn(async move {
                    let database = open(&file).await;
                    add_author(&database, &format!("author {number}")).await;
                    database
                })
            })
            .collect();
        let mut databases = Vec::new();
        for database in opening {
            databases.push(database.await.unwrap());
        }
        assert_eq!(authors(&databases[0]).await.len(), 8);
    }
}
