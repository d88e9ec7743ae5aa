//! Files that are refused, and stay as they are.

use std::error::Error;

use super::*;

async fn refusal(file: &Path) -> String {
    let error = Database::open(file, &BOOKS).await.expect_err("it is refused");
    assert!(error.source().is_none(), "the text says it all");
    let message = error.to_string();
    let looked = Database::inspect(file, &BOOKS).await.map_err(|error| error.to_string());
    assert!(looked.is_ok() || looked == Err(message.clone()), "{looked:?}");
    assert!(message.starts_with(&format!("books database {}: ", file.display())), "{message}");
    assert_eq!(message.lines().count(), 1, "{message}");
    message
}

#[tokio::test]
async fn files_that_are_no_database() {
    let folder = Folder::new();
    for text in ["short".to_owned(), "a letter to someone\n".repeat(500), "\0".repeat(8_192)] {
        std::fs::write(folder.file(), text).unwrap();
        let before = folder.contents();
        assert!(refusal(&folder.file()).await.ends_with("is no SQLite database"));
        Database::inspect(&folder.file(), &BOOKS).await.unwrap_err();
        assert_eq!(folder.contents(), before);
    }
}

#[tokio::test]
async fn databases_of_other_programs_and_newer_versions() {
    for (script, why) in [
        ("CREATE TABLE t (x)", "belongs to another program (application_id 0x0)"),
        ("PRAGMA application_id = 7", "belongs to another program (application_id 0x7)"),
        ("PRAGMA journal_mode = WAL; CREATE TABLE t (x)", "belongs to another program (application_id 0x0)"),
        (
            // ATtt
            "PRAGMA application_id = 1096053876; PRAGMA user_version = 99",
            "has schema version 99, this version knows 1",
        ),
    ] {
        let folder = Folder::new();
        run_raw(&folder.file(), script).await;
        let before = folder.contents();
        let message = refusal(&folder.file()).await;
        assert!(message.ends_with(why), "{message}");
        Database::inspect(&folder.file(), &BOOKS).await.unwrap_err();
        assert_eq!(folder.contents(), before, "{script}");
    }
}

#[tokio::test]
async fn a_newer_version_that_stands_in_the_write_ahead_log_only() {
    let folder = Folder::new();
    let database = open(&folder.file()).await;
    run_raw(&folder.file(), "PRAGMA user_version = 98").await;
    let killed = folder.as_after_a_kill();
    database.close().await;
    let before = killed.contents();
    assert!(refusal(&killed.file()).await.contains("schema version 98"));
    let mut after = killed.contents();
    // The index of the log, which SQLite makes anew from it.
    after.retain(|(name, _)| name != "books.db-shm");
    assert_eq!(after, before);
}

#[tokio::test]
async fn a_database_that_cannot_have_a_write_ahead_log() {
    assert!(refusal(Path::new(":memory:")).await.ends_with("would not be durable: journal_mode is memory"));
}

#[tokio::test]
async fn a_path_where_no_file_can_be() {
    let folder = Folder::new();
    assert!(
        refusal(&folder.0.path().join("missing/books.db")).await.contains("cannot be made: No such file")
    );
    assert!(refusal(folder.0.path()).await.contains("cannot be read"));
    assert!(folder.contents().is_empty());
}

#[tokio::test]
async fn a_first_start_that_fails_leaves_nothing() {
    let folder = Folder::new();
    // In the way of the journal.
    std::fs::create_dir(folder.0.path().join("books.db-journal")).unwrap();
    assert!(refusal(&folder.file()).await.contains("unable to open"));
    std::fs::remove_dir(folder.0.path().join("books.db-journal")).unwrap();
    assert!(folder.contents().is_empty());
}
