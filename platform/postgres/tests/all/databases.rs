//! Databases that are made.

use atoll_postgres::{Databases, Found, is_empty};
use atoll_test_postgres::Server;

use crate::{database, options};

/// The server, seen as a role through its maintenance database.
async fn as_role(role: &str) -> Databases {
    let url = Server::shared().url("postgres").replace("postgres@", &format!("{role}@"));
    Databases::of_server(&options(&url)).await.expect("connected")
}

#[tokio::test]
async fn one_is_made_once_says_whose_it_is_and_is_empty() {
    let server = Server::shared();
    server.sql("postgres", "CREATE ROLE maker LOGIN CREATEDB");
    let names = ["made \"here\"".to_owned(), "never".to_owned()];
    let mut databases = as_role("maker").await;
    assert!(databases.may_create() && databases.role() == "maker");
    assert!(databases.find(&names).await.expect("found").is_empty());
    databases.create(&names[0], "it's mine").await.expect("made");
    let found = databases.find(&names).await.expect("found");
    let mine = |comment: &str| Found { is_owned: true, comment: Some(comment.to_owned()) };
    assert_eq!(found.into_iter().collect::<Vec<_>>(), [(names[0].clone(), mine("it's mine"))]);
    let twice = databases.create(&names[0], "again").await.expect_err("it is there");
    assert_eq!(twice.code().as_deref(), Some("42P04"));
    databases.say(&names[0], "still mine").await.expect("said");
    assert_eq!(databases.find(&names).await.expect("found")[&names[0]], mine("still mine"));
    let shown = server
        .sql("postgres", "SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname LIKE 'made%'");
    assert_eq!(shown, "UTF8");
}

#[tokio::test]
async fn whose_a_database_is_and_who_may_make_one() {
    let (name, of_it) = database();
    let server = Server::shared();
    let mut databases = as_role("powerless").await;
    assert!(!databases.may_create());
    let names = [name.clone()];
    let others = Found { is_owned: false, comment: None };
    assert_eq!(databases.find(&names).await.expect("found")[&name], others);
    let refused = databases.create("no_more", "").await.expect_err("forbidden");
    assert_eq!(refused.code().as_deref(), Some("42501"));
    drop(databases);
    assert!(is_empty(&of_it).await.expect("looked at"));
    server.sql(&name, "CREATE SCHEMA elsewhere; CREATE VIEW elsewhere.one AS SELECT 1");
    assert!(!is_empty(&of_it).await.expect("looked at"));
}

#[tokio::test]
async fn nobody_makes_any_beside_another() {
    let first = as_role("postgres").await;
    let second = tokio::spawn(as_role("postgres"));
    let waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";
    while Server::shared().sql("postgres", waiting) == "0" {
        assert!(!second.is_finished(), "it did not wait");
        tokio::task::yield_now().await;
    }
    drop(first);
    second.await.expect("it has its turn");
}
