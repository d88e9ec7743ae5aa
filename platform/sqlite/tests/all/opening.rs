//! Files that are taken.

use atoll_sqlite::Refusal;

use super::*;

#[tokio::test]
async fn a_new_file_becomes_a_database_that_stays() {
    let folder = Folder::new();
    let database = open(&folder.file()).await;
    add_author(&database, "Ada").await;
    database.close().await;
    let closed = folder.contents();
    assert_eq!(closed.len(), 2, "a closed database is one file, and one that says so");

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

#[tokio::test]
async fn of_many_that_open_a_new_file_at_once_one_gets_it() {
    let folder = Folder::new();
    let file = folder.file();
    let opened = futures::future::join_all((0..8).map(|_| Database::open(&file, &BOOKS))).await;
    let (ours, refused): (Vec<_>, Vec<_>) = opened.into_iter().partition(Result::is_ok);
    for refused in refused {
        let message = refused.unwrap_err().to_string();
        assert_eq!(message, format!("books database {}: in use by another process", file.display()));
    }
    let [Ok(database)] = &ours[..] else { panic!("{} opened it", ours.len()) };
    add_author(database, "Ada").await;
    assert_eq!(authors(database).await, ["Ada"]);
    database.close().await;
    assert_eq!(authors(&open(&file).await).await, ["Ada"]);
}

#[tokio::test]
async fn a_database_that_is_dropped_open_stays_taken() {
    let folder = Folder::new();
    drop(open(&folder.file()).await);
    let inspected = Database::inspect(&folder.file(), &BOOKS).await;
    assert!(matches!(inspected.unwrap_err().refusal, Refusal::InUse));
}

#[tokio::test]
async fn one_that_existed_is_not_made_again() {
    let folder = Folder::new();
    let database = open(&folder.file()).await;
    add_author(&database, "Ada").await;
    database.close().await;
    type Loss = fn(&std::path::Path);
    let losses: [Loss; 2] =
        [|file| std::fs::remove_file(file).unwrap(), |file| std::fs::write(file, "").unwrap()];
    for loss in losses {
        loss(&folder.file());
        let before = folder.contents();
        let file = folder.file().display().to_string();
        let expected = format!(
            "books database {file}: is missing or empty, and {file}.exists says that it existed: put it back, or remove \
             {file}.exists to begin with an empty one"
        );
        assert_eq!(Database::inspect(&folder.file(), &BOOKS).await.unwrap_err().to_string(), expected);
        assert_eq!(Database::open(&folder.file(), &BOOKS).await.unwrap_err().to_string(), expected);
        assert_eq!(folder.contents(), before);
    }
    std::fs::remove_file(folder.0.path().join("books.db.exists")).unwrap();
    assert!(authors(&open(&folder.file()).await).await.is_empty(), "on purpose");
}

#[tokio::test]
async fn a_log_without_its_database_is_no_new_one() {
    let folder = Folder::new();
    let database = open(&folder.file()).await;
    add_author(&database, "Ada").await;
    let killed = folder.as_after_a_kill();
    std::fs::remove_file(killed.file()).unwrap();
    let refused = Database::open(&killed.file(), &BOOKS).await.unwrap_err();
    assert!(
        matches!(refused.refusal, Refusal::Lost { witness } if witness.to_string_lossy().ends_with("-wal"))
    );
}

#[tokio::test]
async fn one_that_is_taken_away_is_noticed() {
    let folder = Folder::new();
    let database = open(&folder.file()).await;
    std::fs::remove_file(folder.file()).unwrap();
    let lost = database.lost().await;
    assert!(matches!(lost.refusal, Refusal::Replaced));
    assert!(
        lost.to_string().starts_with(&format!("books database {}: was removed", folder.file().display()))
    );
    database.close().await;
    let closed = tokio::time::timeout(atoll_sqlite::LOOK_EVERY * 2, database.lost()).await;
    assert!(closed.is_err(), "a closed one has nothing to lose");
}
